from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tickerplant.feed.coverage import Coverage, Hole


def missing(coverage: Coverage) -> list[int]:
    return [number for hole in coverage.holes for number in range(hole.first, hole.last + 1)]


def test_the_first_id_is_the_start() -> None:
    coverage = Coverage()
    assert not coverage.see(100, 0)
    assert (coverage.floor, coverage.next, coverage.holes) == (100, 101, [])


def test_a_jump_opens_a_hole_and_a_late_id_closes_it() -> None:
    coverage = Coverage()
    coverage.see(1, 0)
    assert coverage.see(5, 7.0)
    assert coverage.holes == [Hole(2, 4, 7.0)]
    assert not coverage.see(3, 8.0)
    assert coverage.holes == [Hole(2, 2, 7.0), Hole(4, 4, 7.0)]
    assert coverage.misses(2)
    assert not coverage.misses(3)


def test_old_and_repeated_ids_change_nothing() -> None:
    coverage = Coverage()
    coverage.see(10, 0)
    for number in (10, 3, 9, 10):
        assert not coverage.see(number, 1)
    assert (coverage.floor, coverage.next, coverage.holes) == (10, 11, [])


def test_it_tells_what_is_missing_next() -> None:
    coverage = Coverage()
    for number in (1, 5, 9):
        coverage.see(number, 0)
    assert [coverage.missing_from(number) for number in (0, 3, 5, 8, 9)] == [2, 3, 6, 8, None]


def test_of_many_holes_only_those_concerned_are_looked_at() -> None:
    class Watched(list[Hole]):
        looked = 0

        def __getitem__(self, key: Any) -> Any:
            Watched.looked += 1
            return super().__getitem__(key)

        def __iter__(self) -> Any:
            raise AssertionError("all holes are looked at")

    coverage = Coverage()
    for number in range(0, 20_000, 2):
        coverage.see(number, 0)
    watched = coverage.holes = Watched(coverage.holes)
    for number in range(1, 1000, 2):
        assert coverage.misses(number)
        coverage.fill(number, number)
    assert coverage.holes is watched
    assert len(watched) == 9_499
    assert Watched.looked < 500 * 40  # two searches by halves for each


class TestComparedWithTheVenue:
    def test_what_the_venue_has_beyond_ours_is_missing(self) -> None:
        coverage = Coverage()
        coverage.see(10, 0)
        assert coverage.check(1, 14, 2.0)
        assert coverage.holes == [Hole(11, 14, 2.0)]

    def test_what_is_in_hand_is_not_missing(self) -> None:
        coverage = Coverage()
        coverage.see(10, 0)
        assert not coverage.check(1, 10, 0)

    def test_history_from_before_the_first_look_is_not_ours(self) -> None:
        coverage = Coverage()
        assert not coverage.check(5, 20, 0)
        assert coverage.next == 21
        assert coverage.check(5, 22, 1.0)
        assert missing(coverage) == [21, 22]

    def test_all_trades_of_a_symbol_that_was_empty_are_ours(self) -> None:
        coverage = Coverage()
        assert not coverage.check(-1, -1, 0)
        assert coverage.check(100, 102, 1.0)
        assert missing(coverage) == [100, 101, 102]

    def test_trades_lost_before_the_first_one_seen_of_an_empty_symbol_are_found(self) -> None:
        coverage = Coverage()
        coverage.check(-1, -1, 0)
        coverage.see(105, 1.0)
        assert coverage.check(100, 105, 2.0)
        assert missing(coverage) == [100, 101, 102, 103, 104]
        coverage.fill(100, 104)
        assert not coverage.check(100, 105, 3.0)


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=80),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9))),
)
def test_it_agrees_with_plain_sets(ids: list[int], fills: list[tuple[int, int]]) -> None:
    coverage, seen, opened = Coverage(), set[int](), 0
    for number in ids:
        opened += coverage.see(number, 0)
        seen.add(number)
    floor, top = ids[0], max(ids)
    for first, length in fills:
        coverage.fill(first, first + length)
        seen.update(range(first, first + length + 1))
    assert missing(coverage) == [number for number in range(floor, top) if number not in seen]
    assert coverage.next == top + 1
    assert all(
        earlier.last < later.first for earlier, later in zip(coverage.holes, coverage.holes[1:], strict=False)
    )
