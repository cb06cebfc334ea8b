"""What a run leaves behind of a real platform: explanations, replays, logs, and no secret."""

import json
import re
from html import unescape
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from keywords.robots import ROOT, Ended, Robot
from robot.result import Message

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery"
SOUND = (ROOT / "variables" / "embedded.yaml").read_text()
SUITE = """
Library        tickproof.warehouses
Suite Setup    The platform is up
*** Variables ***
${STACK}    __import__('tickproof.session').session.current().stack
*** Test Cases ***
Some Trades
    Lease Symbols    3
    Send Trades    200
    Every hop holds every trade
Some More Trades
    Lease Symbols    4
    Send Trades    300    per_second=3000
    Every hop holds every trade
They Agree
    Lease Symbols    1
    Send Trades    20
    Hops Should Agree    kafka    lake
The Writer Is Away
    Evaluate    ${STACK}.stop('writer')
    Lease Symbols    1
    Send Trades    50
    Hops Should Hold Every Trade    lake
    [Teardown]    Evaluate    ${STACK}.start('writer')
Elsewhere
    [Tags]    exclusive
    [Setup]    Start Empty Platform
    No Data File Should Be Live Twice
Says A Password
    Log    I say %{TOY_PASSWORD} aloud
    Log To Console    the catalog's is %{TOY_CATALOG}
    Lease Symbols    1
    Send Trades    20
    Every hop holds every trade
The Lock Is Gone
    Evaluate    [lock.unlink() or lock.mkdir() for lock in [${STACK}.folder / 'hold-room']]
Never Begins
    [Setup]    Log    never
    Log    never
    [Teardown]    Log    never
"""


@pytest.fixture
def ended(robot: Robot, monkeypatch: pytest.MonkeyPatch) -> Ended:
    monkeypatch.setenv("TOY_PASSWORD", PASSWORD)
    monkeypatch.setenv("TOY_CATALOG", f"user:{PASSWORD[::-1]}@host")
    target = SOUND.replace("../tickerplant", str(ROOT / "tickerplant"))
    target = target.replace(
        "    topic: market.trades\n",
        "    topic: market.trades\n    properties: { sasl.password: { variable: TOY_PASSWORD } }\n",
        1,
    ).replace(
        "      warehouse: ${WAREHOUSE}\n",
        '      warehouse: ${WAREHOUSE}\n      token: { variable: TOY_CATALOG, pattern: "user:(.*)@" }\n',
    )
    (robot.folder / "toy.yaml").write_text(target)
    return robot.run(SUITE, "-v", "TARGET:toy.yaml")


def test_a_run_tells_what_it_did_and_what_it_met(ended: Ended, robot: Robot) -> None:
    assert {name: test.status for name, test in ended.tests.items()} == {
        "Some Trades": "PASS",
        "Some More Trades": "PASS",
        "They Agree": "PASS",
        "The Writer Is Away": "FAIL",
        "Elsewhere": "FAIL",
        "Says A Password": "PASS",
        "The Lock Is Gone": "PASS",
        "Never Begins": "FAIL",
    }, ended.said
    the_target_comes_first(ended)
    the_failure_shows_the_platform_as_it_was(ended)
    a_visited_stack_leaves_its_logs(ended)
    agreements_leave_a_ledger(ended)
    no_secret_is_left(ended)
    a_test_that_cannot_hold_the_stack_does_not_begin(ended)
    a_replay_sends_the_same_plan(ended, robot)


def the_target_comes_first(ended: Ended) -> None:
    setup = ended.suite.setup
    first = next(item for item in setup.body if isinstance(item, Message))
    assert re.fullmatch(r"Target embedded \(.*\), file [0-9a-f]{12}", first.message)


def the_failure_shows_the_platform_as_it_was(ended: Ended) -> None:
    block = said(ended, "The Writer Is Away", "The platform when this failed")
    assert "<tr><td>writer</td><td>exited</td>" in block
    (behind,) = re.findall(r"<tr><td>all</td>.*?<td align=\"right\">([0-9,]+)</td></tr>", block)
    assert int(behind.replace(",", "")) == 51
    assert "cannot be told" not in block
    assert "== writer" in block


def a_visited_stack_leaves_its_logs(ended: Ended) -> None:
    block = said(ended, "Elsewhere", "The platform when this failed")
    assert '<tr><td>rows in the lake</td><td align="right">0</td></tr>' in block
    kept = ended.results / "stack-suite-elsewhere"
    assert (kept / "feed.log").stat().st_size > 0
    assert "stopped" in (kept / "events.jsonl").read_text()


def agreements_leave_a_ledger(ended: Ended) -> None:
    folder = ended.results / "ledgers" / "suite-they-agree"
    assert sorted(json.loads((folder / "meta.json").read_text())["hops"]) == ["kafka", "lake"]
    assert pq.read_metadata(folder / "seen-lake.parquet").num_rows == 21
    assert "robot -d results" in said(ended, "They Agree", "replay")


def no_secret_is_left(ended: Ended) -> None:
    assert PASSWORD[::-1] not in (ended.results / "output.xml").read_text()
    for path in ended.results.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path
    assert "I say &lt;secret&gt; aloud" in (ended.results / "output.xml").read_text()


def a_test_that_cannot_hold_the_stack_does_not_begin(ended: Ended) -> None:
    test = ended.tests["Never Begins"]
    assert re.fullmatch(r"The stack in \S+ cannot be held \(Is a directory\)\.", test.message)
    assert "never" not in [message.message for message in test.body if isinstance(message, Message)]
    assert not test.body.filter(keywords=True)


def a_replay_sends_the_same_plan(ended: Ended, robot: Robot) -> None:
    block = said(ended, "Some More Trades", "replay")
    (command,) = re.findall(r"<td>replay</td><td>(.*?)</td>", block)
    before = plan_of(ended.results)
    again = robot.again(unescape(command))
    assert [*again.tests] == ["Some More Trades"], again.said
    assert again.code == 0
    after = plan_of(again.results)
    assert after.equals(before)
    assert before.num_rows == 304


def plan_of(results: Path) -> pa.Table:
    """Returns what was sent, without ids; times as how long after the first they were, a sentinel's not at all."""
    sent = pq.read_table(results / "ledgers" / "suite-some-more-trades" / "sent.parquet")
    times = ["event_time", "venue_time_ns", "due_ns"]
    kept = sent.drop_columns(["trade_id", "handed_ns", "gone_ns", *times])
    is_trade = pc.equal(sent["kind"], "trade")
    for name in times:
        passed = pc.subtract(sent[name].cast(pa.int64()), pc.min(sent[name].cast(pa.int64())))
        kept = kept.append_column(name, pc.if_else(is_trade, passed, None))
    return kept


def said(ended: Ended, test: str, words: str) -> str:
    """Returns the one message of a test that has these words."""
    (found,) = (
        item.message for item in ended.tests[test].body if isinstance(item, Message) and words in item.message
    )
    return found
