"""What somebody reads who uses keywords wrongly on a platform that is up."""

import re

import pytest
from keywords.robots import Robot
from messages.approved import approve

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SUITE = """
Suite Setup    The platform is up
*** Test Cases ***
Nothing Is Leased
    Send Trades    100
Nothing Is Sent
    Lease Symbols    1
    Every hop holds every trade
Nothing Flows
    Lease Symbols    1
    Finish Sending Trades
An Unknown Symbol
    Lease Symbols    1    NOSUCHCOIN
Too Many Symbols
    Lease Symbols    2    BTCUSDT
Behind The Plan
    Lease Symbols    1
    Plan Disturbance    drop    at=100
    Send Trades    100
Into The Sentinels
    Lease Symbols    1
    Plan Disturbance    skip    at=90%    count=20
    Send Trades    100
Faster Than The Target
    Lease Symbols    1
    Send Trades    100    per_second=1000000
More Than All
    Lease Symbols    2
    Send Trades    100    busiest_share=1.5
Alone And Busiest
    Lease Symbols    1
    Send Trades    100    busiest_share=0.9
Later Than All
    Lease Symbols    1
    Send Trades    100    late_share=2
An Unknown Service
    Kill Service    fede
It Did Not Die
    Service Should Have Died And Recovered    feed    within=200 ms
Nobody Said Every Hop
    Lease Symbols    1
    Send Trades    20
    Pages Should Give Every Trade Once    5
No Snapshot
    Lease Symbols    1
    Send Trades    20
    Every hop holds every trade
    Snapshot Should Hold What Was Remembered
No Gap
    Lease Symbols    1
    Send Trades    20
    Gap Should Be Reported By Topic Metric And Log
No Disconnect
    Lease Symbols    1
    Send Trades    20
    Feed Should Have Reconnected
A Disturbance Without Effect
    Lease Symbols    1
    Plan Disturbance    refuse    at=10    count=1
    Send Trades    100
    Every hop holds every trade
An Unknown Key
    Open API Session    analyst    key=golden
An Unknown Session
    Every Route Should Answer As Published    nobody
"""


def test_misuse_is_told_in_a_sentence(robot: Robot) -> None:
    ended = robot.run(SUITE)
    assert [name for name, test in ended.tests.items() if test.status != "FAIL"] == []
    told = "\n\n".join(f"{name}:\n{message}" for name, message in ended.messages.items())
    changing = {
        r"POST /\w+": "POST",
        r"those that came: .*": "those that came: ...",
        r"of \d+ are free": "of N are free",
        r"\(\d+ leases": "(N leases",
    }
    for pattern, stable in changing.items():
        told = re.sub(pattern, stable, told)
    approve("keywords-on-a-platform", told)
