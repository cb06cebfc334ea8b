"""Verdicts: ledgers in, findings out. Pure functions: no I/O, no Robot, no clock."""

from tickproof.verdicts.account import Account, ReasonCount, account
from tickproof.verdicts.agreement import Agreement, agree
from tickproof.verdicts.arrivals import Arrivals, arrivals
from tickproof.verdicts.findings import Anomaly, Guarantee, HopVerdict, Kind, Outcome, Void
from tickproof.verdicts.judge import CONTENT, TEXT, judge

__all__ = [
    "CONTENT",
    "TEXT",
    "Account",
    "Agreement",
    "Anomaly",
    "Arrivals",
    "Guarantee",
    "HopVerdict",
    "Kind",
    "Outcome",
    "ReasonCount",
    "Void",
    "account",
    "agree",
    "arrivals",
    "judge",
]
