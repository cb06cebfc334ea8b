"""Keywords that judge the way of a trade: complete, intact, in order, accounted for, repaired or reported."""

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import report, session
from tickproof.effects import missed, unproved
from tickproof.fairness import Fairness
from tickproof.gaps import Told, spans, spoken, told_since
from tickproof.misuse import MisuseError, one_of
from tickproof.observing import (
    awaited,
    guarantee_of,
    hops_of,
    missing,
    sent_so_far,
    verdict_of,
    watch,
)
from tickproof.probes.errors import HopUnreachableError
from tickproof.scenes import Scene
from tickproof.verdicts import Guarantee, HopVerdict, Outcome, Void, agree
from tickproof.waiting import WaitError, patiently, said

REPORT_WITHIN = timedelta(seconds=10)
RECONNECT_WITHIN = timedelta(seconds=10)


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
        judged(hops)

    @keyword
    def symbols_should_keep_order_and_partition(self) -> None:
        """Judge Kafka for order too: each symbol in one partition, in the order of receipt from the live stream.

        Raises:
            AssertionError: Kafka broke its guarantee, an order, a partition, or a record's key is not its symbol.
            Void: Most trades were repaired, so little is known of the order of the live stream.
        """
        (verdict,) = judged(("kafka",), order=True, lanes=True)
        if verdict.repaired * 2 > verdict.seen:
            raise Void(
                f"{verdict.repaired:,} of {verdict.seen:,} trades in Kafka were repaired, so they do not tell "
                "of the order of the live stream."
            )
        seen = session.current().scene.seen["kafka"]
        strange = seen.filter(pc.is_valid(seen["place"]))
        if strange.num_rows:
            first = strange.slice(0, 1).to_pylist()[0]
            raise AssertionError(
                f"Each record's key should be its symbol, but {strange.num_rows:,} of {seen.num_rows:,} are not.\n"
                f"First: {first['symbol']} {first['trade_id']} has {first['place']} "
                f"(partition {first['lane']}, offset {first['offset']})."
            )

    @keyword("Kafka Should Keep The Venue's Text")
    def kafka_should_keep_the_venues_text(self) -> None:
        """Judge that Kafka holds prices and sizes as the venue wrote them, trailing zeros included."""
        run = session.current()
        kafka = run.target.hops.kafka
        if kafka is None or not kafka.keeps_text:
            raise Void(
                "the target's file does not say that Kafka keeps the venue's text (`hops.kafka.keeps_text`)."
            )
        judged(("kafka",))

    @keyword
    def hops_should_agree(self, *hops: str) -> None:
        """Judge each hop against the next, trade by trade and field by field, without what was sent.

        Two hops that both promise exactly once must also show each trade equally often.

        Args:
            hops: At least two of `kafka`, `lake`, `api`.
        """
        run = session.current()
        if len(set(hops)) < 2 or len(set(hops)) < len(hops):
            raise MisuseError("Agreement needs two different hops or more, such as kafka and lake.")
        for hop in hops:
            one_of("hop", hop, hops_of(run))
        scene, sent = sent_so_far(run)
        _observed(run, scene, hops, sent)
        verdicts = [
            agree(
                scene.seen[left],
                scene.seen[right],
                left_hop=left,
                right_hop=right,
                event_time_unit=run.target.domain.event_time_unit,
                rows_too={guarantee_of(run, left), guarantee_of(run, right)} == {Guarantee.EXACTLY_ONCE},
            )
            for left, right in itertools.pairwise(hops)
        ]
        report.agreements(run, sent, {hop: scene.seen[hop] for hop in hops}, verdicts)
        for verdict in verdicts:
            verdict.fail_if_any()

    @keyword
    def api_should_follow_the_lake(self, *, within: timedelta) -> None:
        """Once the lake shows every trade that was sent, see that the API does, too; the test is alone on the stack.

        Args:
            within: How much later the API may show the last of them.

        Raises:
            AssertionError: The lake does not show all, or the API not in time.
            Void: Nothing was sent.
        """
        run = session.current()
        judged(("lake",))
        scene, sent = sent_so_far(run)
        scene.seen["api"], ended = watch(run, scene, "api", sent, within=within)
        if ended:
            raise AssertionError(ended)

    @keyword
    def quiet_symbols_should_be_visible_during_the_flow(self, *, within: timedelta) -> None:
        """While the busiest symbol trades, see that each trade of the others is at every hop in time.

        The trades in the middle of the flow count: when it began nothing can hold them up, and at its end nothing
        does any more.

        Args:
            within: How long a quiet symbol's trade may take from its sending to each hop.

        Raises:
            AssertionError: A hop did not show one in time.
            Void: The flow has no such trade, or our own sending was late by more than a tenth of `within`.
        """
        run = session.current()
        scene = run.scene
        play = scene.flow().play
        if len(scene.symbols) < 2:
            raise MisuseError("Name a busy symbol and a quiet one at least: lease two symbols or more.")
        fairness = Fairness(run, scene, within)
        standing = patiently(
            fairness.look,
            until=lambda standing: standing.is_over,
            within=scene.flow().within + within,
            every=timedelta(milliseconds=100),
            what="The quiet trades should be sent and looked for",
            describe=lambda standing: (
                f"{standing.coming} of {standing.watched} not sent yet, {standing.waiting} not seen"
            ),
            tolerate=(HopUnreachableError,),
        )
        busiest = scene.symbols[0].symbol
        if not standing.watched:
            raise Void(
                "the middle of the flow has no trade of a quiet symbol; send more, or at a lower share."
            )
        scene.finish()
        late_ns = play.progress().late_p99_ns or 0
        if timedelta(microseconds=late_ns / 1_000) > within / 10:
            raise Void(
                f"our own sending was {late_ns / 1e6:,.0f} ms late, more than a tenth of {said(within)}."
            )
        if standing.late:
            worst = max(standing.late, key=lambda late: late.seconds)
            raise AssertionError(
                f"Each trade of the quiet symbols should be visible within {said(within)} of its sending, while "
                f"{busiest} has nearly all of the flow, but {len({late.key for late in standing.late})} of "
                f"{standing.watched} were not.\n"
                f"{worst.key[0]} {worst.key[1]} was not at {worst.hop} {worst.seconds:,.1f} s after it was sent."
            )
        logger.info(f"{standing.watched} trades of quiet symbols were visible within {said(within)} each.")

    @keyword
    def gap_should_be_reported_by_topic_metric_and_log(self) -> None:
        """See that the ids which neither the stream nor the venue's history has are reported exactly, three times.

        Raises:
            AssertionError: The topic of gaps, the feed's metric or its log does not tell exactly these ids.
            Void: The plan had no such gap.
        """
        scene, sent = sent_so_far(session.current())
        gone = sent.filter(pc.equal(sent["expect"], "absent"))
        if not gone.num_rows:
            raise Void(
                "no trade of this test is beyond repair; use `Plan Disturbance    skip    rest_knows=False`."
            )
        lost = spans(gone)
        before = scene.gaps_before
        assert before is not None  # `Plan Disturbance` notes it with every such gap
        try:
            patiently(
                lambda: told_since(before),
                until=lambda told: told == Told(lost, lost, len(lost)),
                within=REPORT_WITHIN,
                what=f"The gap {spoken(lost)} should be reported",
                describe=Told.sentence,
            )
        except WaitError as error:
            raise AssertionError(str(error)) from None
        logger.info(f"Reported by topic, metric and log: {spoken(lost)}.")

    @keyword
    def feed_should_have_reconnected(self) -> None:
        """See that the exchange closed a connection of the feed during this test and that the feed opened another.

        Raises:
            AssertionError: Fewer connections were opened than closed.
            Void: The exchange closed no connection.
        """
        run = session.current()
        since = run.scene.marks.exchange

        def connections() -> Counter[str]:
            return Counter(str(event["what"]) for event in run.exchange.events(since))

        if not connections()["disconnect"]:
            raise Void("the exchange closed no connection, so there was nothing to survive.")
        try:
            patiently(
                connections,
                # A good feed opens the next one before the old one ends, if that is announced.
                until=lambda seen: seen["connect"] >= seen["disconnect"],
                within=RECONNECT_WITHIN,
                what="The feed should open a connection for each that the exchange closed",
                describe=lambda seen: f"{seen['disconnect']} closed, {seen['connect']} opened",
            )
        except WaitError as error:
            raise AssertionError(str(error)) from None


def judged(hops: tuple[str, ...], *, only: str | None = None, **options: bool) -> list[HopVerdict]:
    """Wait until hops show what was sent, judge them, log the verdicts, and raise what they mean.

    Args:
        hops: Which; none means all that the target has.
        only: Judge the trades of this symbol alone.
        options: `order`, `lanes`: as of `tickproof.verdicts.judge`.

    Returns:
        The verdicts, all of them PASS.

    Raises:
        AssertionError: A hop broke its guarantee.
        Void: Nothing was sent, no verdict can be given, or what was to go wrong did not.
    """
    run = session.current()
    for hop in hops:
        one_of("hop", hop, hops_of(run))
    scene, sent = sent_so_far(run)
    wanted = hops or hops_of(run)
    waited = _observed(run, scene, wanted, sent)
    shown = {hop: scene.seen[hop] for hop in hops_of(run) if hop in scene.seen}
    if only:
        sent, *tables = (_of_symbol(table, only) for table in (sent, *shown.values()))
        shown = dict(zip(shown, tables, strict=True))
    verdicts = [verdict_of(run, shown, hop, sent, waited=waited[hop], **options) for hop in wanted]
    report.hops(run, sent, shown, verdicts)
    for outcome in (Outcome.FAIL, Outcome.VOID):
        for verdict in verdicts:
            if verdict.outcome is outcome:
                verdict.fail_if_any()
    _prove_disturbances(run, scene)
    return verdicts


def _observed(run: session.Session, scene: Scene, hops: Sequence[str], sent: pa.Table) -> dict[str, str]:
    """Wait until hops show what was sent; return why each wait ended, empty where all came."""
    scene.ends = None
    waited: dict[str, str] = {}
    for hop in (hop for hop in hops_of(run) if hop in hops):
        scene.seen[hop], waited[hop] = watch(run, scene, hop, awaited(sent, scene.missed))
        if waited[hop]:
            logger.info(waited[hop])
            scene.missed |= missing(sent, scene.seen[hop])
    return waited


def _of_symbol(rows: pa.Table, symbol: str) -> pa.Table:
    """Keep the rows of a symbol, in whatever case it is written: another case is another symbol, and wrong."""
    return rows.filter(pc.equal(pc.utf8_upper(rows["symbol"]), symbol.upper()))


def _prove_disturbances(run: session.Session, scene: Scene) -> None:
    happened: list[str] = []
    if any(sending.actions for sending in scene.sendings):
        happened = [str(event["what"]) for event in run.exchange.events(scene.marks.exchange)]
    idle = [
        words
        for sending in scene.sendings
        if sending.actions
        for words in unproved(sending.actions, sending.ledger(), happened)
    ]
    idle += [
        f"{strike.service} {strike.what} {how}"
        for strike in scene.strikes
        if (how := missed(strike.at_ns, strike.flow.ledger()))
    ]
    if idle:
        raise Void(f"what was to go wrong did not, so nothing was survived: {'; '.join(idle)}.")
