"""Actions survive the way to the exchange, and nonsense is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages.approved import approve
from tickproof.exchange import actions

AT = st.integers(0, 10**6)
COUNT = st.integers(1, 1000)
ANY = st.one_of(
    st.builds(actions.Drop, at=AT),
    st.builds(actions.Refuse, at=AT, count=COUNT),
    st.builds(actions.Repeat, at=AT, count=COUNT),
    st.builds(actions.Swap, at=AT, by=COUNT),
    st.builds(actions.Skip, at=AT, count=COUNT, rest_knows=st.booleans()),
    st.builds(actions.Stall, at=AT, seconds=st.floats(0.001, 3600)),
    st.builds(actions.Garbage, at=AT, kind=st.sampled_from(["not-json", "wrong-case"])),
    *[st.builds(actions.KINDS[name], at=AT) for name in ("half_frame", "oversize", "protocol_error")],
    *[st.builds(actions.KINDS[name], at=AT) for name in ("shutdown", "expire")],
)


@given(st.lists(ANY, max_size=5))
def test_there_and_back(some: list[actions.Action]) -> None:
    assert actions.from_json(actions.to_json(some)) == tuple(sorted(some, key=lambda one: one.at))


def test_nonsense_is_told_in_a_sentence() -> None:
    sentences = []
    for wrong in [
        {"at": 1, "do": "explode"},
        {"at": 1},
        {"do": "drop"},
        {"at": -1, "do": "drop"},
        {"at": True, "do": "drop"},
        {"at": 1, "do": "repeat", "count": 0},
        {"at": 1, "do": "repeat", "times": 2},
        {"at": 1, "do": "refuse"},
        {"at": 1, "do": "swap", "by": 0},
        {"at": 1, "do": "stall", "seconds": -1},
        {"at": 1, "do": "stall", "seconds": "2"},
    ]:
        with pytest.raises(ValueError, match=r"\.$") as refused:
            actions.from_json([wrong])
        sentences.append(str(refused.value))
    approve("action-refusals", "\n".join(sentences))
