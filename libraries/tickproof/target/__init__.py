"""The profile of a platform: where things are, how rows become trades, what it promises, what it can do.

A target is one YAML file. ``load`` checks all of it before anything starts, and ``Target.resolve`` fills in
what is known only while the stack runs.

Example:
    >>> from tickproof.target import load
    >>> load("embedded").hops.kafka.topic
    'market.trades'
"""

from tickproof.target.files import find, known_targets
from tickproof.target.loading import load
from tickproof.target.model import (
    ApiHop,
    Capability,
    ColumnType,
    CrashPoints,
    DeadLetters,
    Domain,
    Gaps,
    Hops,
    KafkaHop,
    KnownIssue,
    LakeHop,
    SecretSource,
    Stack,
    Target,
    TimeRange,
    TradesRoute,
    Waits,
)
from tickproof.target.refusal import TargetError
from tickproof.verdicts.findings import Guarantee

__all__ = [
    "ApiHop",
    "Capability",
    "ColumnType",
    "CrashPoints",
    "DeadLetters",
    "Domain",
    "Gaps",
    "Guarantee",
    "Hops",
    "KafkaHop",
    "KnownIssue",
    "LakeHop",
    "SecretSource",
    "Stack",
    "Target",
    "TargetError",
    "TimeRange",
    "TradesRoute",
    "Waits",
    "find",
    "known_targets",
    "load",
]
