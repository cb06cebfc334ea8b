"""Keywords that judge the way of a trade: complete, intact, in order, accounted for, repaired or reported."""

import itertools
import re
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import report, session
from tickproof.exchange import garbage
from tickproof.exchange.garbage import Treatment
from tickproof.gaps import Told, spans, spoken, told_since
from tickproof.observing import awaited, hops_of, missing, verdict_of, watch
from tickproof.probes.metrics import Metrics
from tickproof.verdicts import Outcome, Void, account, agree
from tickproof.waiting import WaitError, patiently

REPORT_WITHIN = timedelta(seconds=15)


@library(scope="GLOBAL")
class Pipeline:
    """Judges what the hops of the target show of the trades that a test sent.

    Each verdict logs one table (hop, sent, seen, lost, duplicated, altered, phantom, out of order), a chart of sent and
    seen over time, the anomalies by name, and saves the ledger it was given on, to be judged again by
    `tickproof judge`.

    Example:
    | Lease Symbols    3
    | Send Trades    1000
    | Hops Should Hold Every Trade
    """

    @keyword
    def hops_should_hold_every_trade(self, *hops: str) -> None:
        """Wait until each hop shows what was sent, and judge it by the guarantee that the target declares.

        Args:
            hops: `kafka`, `lake`, `api`; none means all that the target has.

        Raises:
            AssertionError: A hop broke its guarantee; the message names what and where.
            Void: Nothing was sent, or no verdict can be given.
        """
        self._judge(hops)

    @keyword
    def symbols_should_keep_order_and_partition(self) -> None:
        """Judge Kafka for order too: each symbol in one partition, in the order of receipt from the live stream."""
        self._judge(("kafka",), order=True, lanes=True)

    @keyword("Kafka Should Keep The Venue's Text")
    def kafka_should_keep_the_venues_text(self) -> None:
        """Judge that Kafka holds prices and sizes as the venue wrote them, trailing zeros included."""
        run = session.current()
        kafka = run.target.hops.kafka
        if kafka is None or not kafka.keeps_text:
            raise Void(
                "the target's file does not say that Kafka keeps the venue's text (`hops.kafka.keeps_text`)."
            )
        self._judge(("kafka",))

    @keyword
    def hops_should_agree(self, *hops: str) -> None:
        """Judge each hop against the next, trade by trade and field by field, without what was sent.

        Args:
            hops: At least two of `kafka`, `lake`, `api`.
        """
        run, scene, sent = _sent()
        if len(hops) < 2:
            raise ValueError("Agreement needs at least two hops, such as kafka and lake.")
        for hop in hops:
            scene.seen[hop], _ = watch(run, scene, hop, sent)
        verdicts = [
            agree(
                scene.seen[left],
                scene.seen[right],
                left_hop=left,
                right_hop=right,
                event_time_unit=run.target.domain.event_time_unit,
            )
            for left, right in itertools.pairwise(hops)
        ]
        report.agreements(verdicts)
        for verdict in verdicts:
            verdict.fail_if_any()

    @keyword
    def quiet_symbols_should_be_visible_during_the_flow(self, *, within: timedelta) -> None:
        """While the busiest symbol still trades, wait until the first trades of all others are at every hop.

        Args:
            within: How long a quiet symbol's trade may take from its sending to the last hop.

        Raises:
            AssertionError: A quiet symbol's trade came later, or not while the flow went on.
        """
        run = session.current()
        scene = run.scene
        play = scene.plays[-1]
        busiest, *quiet = [leased.symbol for leased in scene.symbols]
        first = scene.first_ids

        def behind() -> dict[str, str]:
            """Return the hop that each quiet symbol has not reached yet."""
            waiting: dict[str, str] = {}
            seen = {
                "kafka": run.kafka.read(scene.since, symbols=first),
                "lake": run.lake.read(first),
            }
            for hop, table in seen.items():
                there = set(pc.unique(table["symbol"]).to_pylist())
                waiting |= {symbol: hop for symbol in quiet if symbol not in there}
            return waiting

        patiently(
            lambda: play.progress().sent,
            until=lambda rows: rows >= len(scene.symbols) * 50,
            within=timedelta(seconds=10),
            every=timedelta(milliseconds=20),
            what="The flow should begin",
        )
        try:
            patiently(
                behind,
                until=lambda waiting: not waiting,
                within=within,
                every=timedelta(milliseconds=50),
                what=f"The quiet symbols should be visible while {busiest} has nearly all of the flow",
                describe=lambda waiting: (
                    f"{len(waiting)} of {len(quiet)} symbols not yet there ({_few(waiting)})"
                ),
            )
        except WaitError as error:
            raise AssertionError(str(error)) from None
        if play.progress().state != "running":
            raise Void("the flow of the busy symbol ended before the quiet ones were looked for.")

    @keyword
    def garbage_should_be_handled_as_the_table_says(self, kind: str) -> None:
        """Judge one kind of garbage of `Send Trades With Every Kind Of Garbage` and the trades around it.

        Args:
            kind: One of the kinds in docs/garbage.md.

        Raises:
            AssertionError: It was not set aside with its reason, was set aside though it is good, or cost a neighbour.
        """
        _, scene, sent = _sent()
        placed = scene.notes.get("garbage")
        if not isinstance(placed, dict) or kind not in placed:
            raise ValueError(f"No garbage of kind {kind} was sent; allowed: {', '.join(garbage.KINDS)}.")
        symbol = placed[kind]
        treatment = garbage.KINDS[kind].treatment
        quarantined = treatment is Treatment.QUARANTINE
        if (
            quarantined
            and not pc.any(pc.greater(sent.filter(pc.equal(sent["kind"], kind))["copies"], 0)).as_py()
        ):
            raise Void(f"the frame of {kind} never was on the wire.")
        letters = self._letters_until(1, kind) if quarantined else self._letters()
        mine = [row for row in letters if row["reason"] == kind]
        if quarantined and len(mine) != 1:
            reasons = ", ".join(sorted({str(row["reason"]) for row in letters})) or "none"
            raise AssertionError(
                f"One frame of {kind} should be a dead letter with the reason {kind}, but {len(mine)} are.\n"
                f"Reasons of the dead letters since the flow began: {reasons}."
            )
        if not quarantined and mine:
            raise AssertionError(f"A frame of {kind} should be taken, but it is a dead letter.")
        if quarantined:
            report.letters(kind, mine)
        self._judge((), only=symbol)

    @keyword
    def sent_should_equal_stored_and_quarantined(self) -> None:
        """Balance the books of the flow: what was sent is stored or quarantined, reason by reason."""
        run, scene, sent = _sent()
        expected = pc.sum(pc.equal(sent["expect"], "quarantined")).as_py() or 0
        letters = self._letters_until(expected)
        hop = "lake" if "lake" in hops_of(run) else hops_of(run)[-1]
        if hop not in scene.seen:
            scene.seen[hop], _ = watch(run, scene, hop, sent)
        balance = account(
            sent, hop=hop, stored=scene.seen[hop], quarantined=[str(row["reason"]) for row in letters]
        )
        report.balance(balance)
        balance.fail_if_any()

    @keyword
    def gap_should_be_reported_by_topic_metric_and_log(self) -> None:
        """See that the ids which neither the stream nor the venue's history has are reported exactly, three times.

        Raises:
            AssertionError: The topic of gaps, the feed's metric or its log does not tell exactly these ids.
            Void: The plan had no such gap.
        """
        _, scene, sent = _sent()
        gone = sent.filter(pc.equal(sent["expect"], "absent"))
        if not gone.num_rows:
            raise Void(
                "no trade of this test is beyond repair; use `Plan Disturbance    skip    rest_knows=False`."
            )
        missing = spans(gone)
        before = scene.notes["gaps-before"]
        assert isinstance(before, Metrics)
        try:
            patiently(
                lambda: told_since(before),
                until=lambda told: told == Told(missing, missing, len(missing)),
                within=REPORT_WITHIN,
                what=f"The gap {spoken(missing)} should be reported",
                describe=Told.sentence,
            )
        except WaitError as error:
            raise AssertionError(str(error)) from None
        logger.info(f"Reported by topic, metric and log: {spoken(missing)}.")

    @keyword
    def feed_should_have_reconnected(self) -> None:
        """See that the exchange closed a connection of the feed during this test and that a later one was opened."""
        run = session.current()
        since = run.scene.notes["exchange-events"]
        assert isinstance(since, int)
        what = [event["what"] for event in run.exchange.events(since)]
        if "disconnect" not in what:
            raise Void("the exchange closed no connection, so there was nothing to survive.")
        if "connect" not in what:
            raise AssertionError(
                "The feed should have connected again, but the exchange saw no new connection."
            )

    def _judge(self, hops: tuple[str, ...], *, only: str | None = None, **options: bool) -> None:
        run, scene, sent = _sent()
        wanted = hops or hops_of(run)
        for hop in wanted:
            if hop not in hops_of(run):
                raise ValueError(f"The target has no hop {hop}; allowed: {', '.join(hops_of(run))}.")
            scene.seen[hop], ended = watch(run, scene, hop, awaited(sent, scene.missed))
            if ended:
                logger.info(ended)
                scene.missed |= missing(sent, scene.seen[hop])
        judged = sent.filter(pc.equal(sent["symbol"], only)) if only else sent
        if only:
            verdicts = [
                verdict_of(run, report.narrowed(scene, only), hop, judged, **options) for hop in wanted
            ]
        else:
            verdicts = [verdict_of(run, scene, hop, judged, **options) for hop in wanted]
        report.hops(run, scene, judged, verdicts)
        for outcome in (Outcome.FAIL, Outcome.VOID):
            for verdict in verdicts:
                if verdict.outcome is outcome:
                    verdict.fail_if_any()

    def _letters(self) -> list[dict[str, object]]:
        run = session.current()
        rows: list[dict[str, object]] = run.kafka.dead_letters(run.scene.since).to_pylist()
        return rows

    def _letters_until(self, count: int, kind: str | None = None) -> list[dict[str, object]]:
        def matching(rows: list[dict[str, object]]) -> int:
            return sum(kind is None or row["reason"] == kind for row in rows)

        notes = session.current().scene.notes
        if notes.get("letters-waited-for"):  # in vain: what is not there by now does not come
            return self._letters()
        try:
            return patiently(
                self._letters,
                until=lambda rows: matching(rows) >= count,
                within=timedelta(seconds=3),
                what="Dead letters should come",
            )
        except WaitError:
            notes["letters-waited-for"] = True
            return self._letters()


def _sent() -> tuple[session.Session, session.Scene, pa.Table]:
    run = session.current()
    scene = run.scene
    sent = scene.sent()
    if not sent.num_rows:
        raise Void("nothing was sent; use `Send Trades` first.")
    return run, scene, sent


def _few(names: dict[str, str]) -> str:
    return re.sub(r"^(.{60}).+$", r"\1 ...", ", ".join(f"{name}: {hop}" for name, hop in names.items()))
