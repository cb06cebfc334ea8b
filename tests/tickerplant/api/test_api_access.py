import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickerplant.api.authenticator import Authenticator, Client, read_keys
from tickerplant.api.cursors import Cursor, CursorError, Cursors
from tickerplant.api.limiter import Limiter
from tickerplant.api.store import Position, Source
from tickerplant.service import SettingsError


def test_each_key_belongs_to_its_client() -> None:
    known = Authenticator(read_keys("a:one:60, b:two:5,"))
    assert known.identify(b"one") == Client("a", 60)
    assert known.identify(b"two") == Client("b", 5)
    assert known.identify(b"three") is None
    assert known.identify(b"") is None


@pytest.mark.parametrize("presented", [b"one", b"two", b"three", b""])
def test_every_key_is_compared_in_constant_time_whichever_is_presented(
    presented: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    plain = hmac.compare_digest

    def compare(stored: bytes, given: bytes) -> bool:
        compared.append((stored, given))
        return plain(stored, given)

    known = Authenticator(read_keys("a:one:60,b:two:5,c:last:7"))
    monkeypatch.setattr(hmac, "compare_digest", compare)
    client = known.identify(presented)
    digests = [hashlib.sha256(key).digest() for key in (b"one", b"two", b"last")]
    assert compared == [(stored, hashlib.sha256(presented).digest()) for stored in digests]
    assert client == {b"one": Client("a", 60), b"two": Client("b", 5)}.get(presented)


def test_with_no_keys_nobody_gets_in() -> None:
    assert Authenticator(read_keys("")).identify(b"") is None


@pytest.mark.parametrize(
    "text",
    [
        "secret",
        "a:secret",
        "a:secret:0",
        "a:secret:x",
        "a::5",
        ":secret:5",
        "a:secret:5,a:other:5",
        "a:s:5,b:s:5",
        "a:secret:5:6",
    ],
)
def test_malformed_keys_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read_keys(text)
    assert "secret" not in str(refusal.value)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@settings(deadline=None)
@given(per_minute=st.integers(1, 300), steps=st.lists(st.floats(0, 200), max_size=10))
def test_who_waits_as_told_is_served(per_minute: int, steps: list[float]) -> None:
    clock = Clock()
    limiter = Limiter(clock)
    for step in [*steps, 0.0]:
        clock.now += step
        while (told := limiter.ask("a", per_minute)).granted:
            assert 0 <= told.remaining < per_minute
        assert told.remaining == 0
        assert told.retry_after >= 1
        clock.now += told.retry_after
        assert limiter.ask("a", per_minute).granted


def test_a_minute_holds_no_more_than_its_bucket_and_its_refill() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    granted = 0
    for _ in range(600):
        granted += limiter.ask("a", 60).granted
        clock.now += 0.1
    assert granted == 119  # 60 at once, and one a second but for the one at the very end


def test_one_key_s_limit_does_not_touch_another() -> None:
    limiter = Limiter(Clock())
    assert limiter.ask("a", 1).granted
    assert not limiter.ask("a", 1).granted
    assert limiter.ask("b", 1).granted


def test_reset_tells_when_the_bucket_is_full_again() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    for _ in range(30):
        told = limiter.ask("a", 60)
    assert (told.remaining, told.reset) == (30, 30)
    clock.now += told.reset
    assert limiter.ask("a", 60).remaining == 59


CURSOR = Cursor(
    3051729675574597004, "abc", Position(-5, "BTCUSDT", 2**63 - 1, 2), Source("market.trades", {0: 5, 11: 7})
)


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursors = Cursors(b"secret")
    assert cursors.read(cursors.write(CURSOR)) == CURSOR


@settings(deadline=None)
@given(st.data())
def test_an_altered_cursor_is_refused(data: st.DataObject) -> None:
    cursors = Cursors(b"secret")
    text = cursors.write(CURSOR)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_=+/ é").filter(lambda sign: sign != text[place]))
    with pytest.raises(CursorError):
        cursors.read(text[:place] + other + text[place + 1 :])


@settings(deadline=None)
@given(st.text())
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorError):
        Cursors(b"secret").read(text)


def test_another_secret_s_cursor_is_refused() -> None:
    with pytest.raises(CursorError):
        Cursors(b"secret").read(Cursors(b"other").write(CURSOR))
