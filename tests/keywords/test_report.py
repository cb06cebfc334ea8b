"""What a verdict leaves on disk."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from keywords.fakes import PLACE
from messages.approved import approve
from tickproof import judging, ledger, report
from tickproof.target import Guarantee
from tickproof.verdicts import Void, agree
from verdicts.small import seen, sent, trade

SENT = sent(trade(1), trade(2))
KAFKA = seen(trade(1), trade(2), trade(2))
LAKE = seen(trade(1))


@pytest.fixture
def run(tmp_path: Path) -> Any:
    hops = SimpleNamespace(
        kafka=SimpleNamespace(guarantee=Guarantee.AT_LEAST_ONCE, keeps_text=False),
        lake=SimpleNamespace(guarantee=Guarantee.EXACTLY_ONCE, keeps_text=False),
    )
    target = SimpleNamespace(
        name="toy", fingerprint="abc", hops=hops, domain=SimpleNamespace(event_time_unit="us")
    )
    return SimpleNamespace(
        target=target, place=PLACE, seed=7, form="quick", results=tmp_path,
        new_ledger_folder=lambda: tmp_path / "ledgers" / "a-test",
    )  # fmt: skip


def agreements(run: Any) -> None:
    told: dict[str, pa.Table] = {"kafka": KAFKA, "lake": LAKE}
    verdict = agree(KAFKA, LAKE, left_hop="kafka", right_hop="lake", event_time_unit="us")
    report.agreements(run, SENT, told, [verdict])


def test_hops_that_were_compared_can_be_compared_again(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(report.logger, "info", lambda text, **_: logged.append(text))
    agreements(run)
    saved = ledger.load(tmp_path / "ledgers" / "a-test")
    assert saved.seen["kafka"].table().equals(KAFKA)
    assert saved.seen["lake"].table().equals(LAKE)
    assert 'href="ledgers/a-test/seen-lake.parquet"' in logged[-1]
    (judged,) = judging.judge_folder(tmp_path).judged
    assert [(one.hop, one.lost, one.ok) for one in judged.verdicts] == [
        ("kafka", 0, True),
        ("lake", 1, False),
    ]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("ledger-no-disk-space", OSError(28, "No space left on device")),
        ("ledger-not-writable", NotADirectoryError(20, "Not a directory", "HERE/ledgers")),
    ],
)
def test_a_ledger_that_cannot_be_saved_is_void(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: OSError
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(ledger, "save", refuse)
    with pytest.raises(Void) as told:
        agreements(run)
    approve(name, str(told.value), hide={str(tmp_path): "HERE"})
