"""Keywords that play the exchange: lease symbols, draw trades, disturb them, send them."""

import re
from datetime import timedelta
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import seams, session
from tickproof.clock import now_ns
from tickproof.exchange import actions, garbage, plan
from tickproof.exchange.client import LeasedSymbol
from tickproof.exchange.plan import Values
from tickproof.gaps import gap_metrics
from tickproof.misuse import MisuseError, at_least, told_plainly
from tickproof.scenes import Disturbance, Scene, Sending

Disturb = Literal[
    "drop",
    "refuse",
    "repeat",
    "swap",
    "skip",
    "stall",
    "half_frame",
    "oversize",
    "protocol_error",
    "shutdown",
    "expire",
]

DAY_NS = 86_400_000_000_000


@library(scope="GLOBAL")
class Market:
    """Plays the exchange of the run's target.

    Symbols are leased: no other test uses them meanwhile, and their trade ids go on where they stopped. Symbols are
    chosen and plans are drawn from the run's seed and the test's name, inside the target's domain: the same seed gives
    a test the same symbols, if they are free, and the same trades of them.

    Example:
    | Lease Symbols    3
    | Plan Disturbance    drop    at=50%
    | Send Trades    1000    per_second=500
    """

    @keyword
    def lease_symbols(self, count: int, *only: str) -> None:
        """Lease symbols for this test; they are given back when it ends.

        Args:
            count: How many.
            only: Names to choose from; none means all that the target lists.

        Raises:
            ExchangeError: Fewer symbols are free than asked for, or one is not listed.
            WaitError: The platform does not subscribe to them.
        """
        at_least("The number of symbols", count, 1)
        run = session.current()
        listed = run.target.domain.symbols
        for name in only:
            if listed and name not in listed:
                raise MisuseError(f"The target does not list the symbol {name} (`domain.symbols`).")
        scene = run.own_scene()
        lease = run.exchange.lease(count, only=only or listed, seed=scene.seed)
        scene.leases.append(lease)
        run.exchange.wait_subscribed([leased.symbol for leased in lease.symbols], timedelta(seconds=20))
        logger.info(
            "Leased " + ", ".join(f"{leased.symbol} from id {leased.next_id}" for leased in lease.symbols)
        )

    @keyword
    def plan_disturbance(self, do: Disturb, *, at: str, **values: object) -> None:
        """Let the next plan suffer something at an exact place.

        Args:
            do: What happens: `drop` the connection, `refuse` the next `count` connections, `repeat` a frame `count`
                times, `swap` it with the one `by` places later, `skip` `count` trades (`rest_knows` says whether the
                venue's history has them), `stall` for `seconds`, `half_frame`, `oversize`, `protocol_error`,
                `shutdown` (announced), `expire` (24 hours are over).
            at: A row of the plan from 0 on (`17`) or a share of it (`40%`).
            values: What the action needs beside its place.

        Raises:
            MisuseError: The place or a value makes no sense.
        """
        settings = {name: _plain(value) for name, value in values.items()}
        disturbance = Disturbance(do, at, settings)
        _action(disturbance, rows=100)
        scene = session.current().own_scene()
        if settings.get("rest_knows") is False:
            scene.gaps_before = gap_metrics()
        scene.disturbances.append(disturbance)

    @keyword
    def send_trades(
        self,
        count: int,
        *,
        per_second: int | None = None,
        values: Values = Values.USUAL,
        late_share: float = 0.0,
        time_unit: Literal["ms", "us"] | None = None,
        busiest_share: float | None = None,
        clear_of_history: bool = False,
    ) -> None:
        """Draw and send trades over the leased symbols, and wait until the last is sent.

        Each symbol's sentinel comes last. In the form `slow` ten times as many are sent.

        Args:
            count: Trades beside the sentinels, from 1 on.
            per_second: Rate by the clock (open loop); none means as fast as the target's domain allows.
            values: `usual` walks at the symbol's tick, or `edge`: the ends of what the domain allows.
            late_share: Share (0 to 1) of trades with an event time out of order, up to three days old.
            time_unit: Unit of the event times, if coarser than the target's.
            busiest_share: Share (0 to 1) of all trades that the first symbol takes; none means even shares.
            clear_of_history: Let the trades happen on days on which the symbols have no older trade at the platform,
                so that bars and summaries of these days follow from this plan alone.

        Raises:
            MisuseError: No symbol is leased, or a number makes no sense.
            ExchangeError: The plan failed on its way.
        """
        self.start_sending_trades(
            count,
            per_second=per_second,
            values=values,
            late_share=late_share,
            time_unit=time_unit,
            busiest_share=busiest_share,
            clear_of_history=clear_of_history,
        )
        self.finish_sending_trades()

    @keyword
    def start_sending_trades(
        self,
        count: int,
        *,
        per_second: int | None = None,
        values: Values = Values.USUAL,
        late_share: float = 0.0,
        time_unit: Literal["ms", "us"] | None = None,
        busiest_share: float | None = None,
        clear_of_history: bool = False,
    ) -> None:
        """Draw trades and start to send them; the story goes on meanwhile. Arguments as of `Send Trades`."""
        at_least("The number of trades", count, 1)
        if per_second is not None:
            at_least("The number of trades a second", per_second, 1)
        run = session.current()
        scene = run.own_scene()
        if not scene.symbols:
            raise MisuseError("This test owns no symbol to trade; use `Lease Symbols` first.")
        rows = count * run.scale
        with told_plainly():
            drawn = plan.draw(
                run.target.domain,
                [_continued(scene, leased) for leased in scene.symbols],
                trades=rows,
                per_second=run.target.domain.max_per_second if per_second is None else per_second,
                seed=scene.next_seed(),
                begins_ns=_days_before_history(scene) if clear_of_history else now_ns(),
                values=values,
                late_share=late_share,
                time_unit=time_unit,
                weights=_weights(scene, busiest_share),
                actions=[_action(disturbance, rows=rows) for disturbance in scene.disturbances],
            )
        self._play(drawn)

    def _play(self, drawn: plan.Plan) -> None:
        run = session.current()
        scene = run.own_scene()
        scene.disturbances.clear()
        planting = seams.planted(run.seam, drawn) if run.seam else seams.Planting(drawn)
        last = planting.plan.table.group_by("symbol").aggregate([("trade_id", "max")])
        scene.planned |= {
            symbol: last_id + 1
            for symbol, last_id in zip(*(column.to_pylist() for column in last.columns), strict=True)
        }
        play = run.exchange.play(planting.plan)
        scene.sendings.append(Sending(play, _budget(drawn), drawn.actions, planting.claim))
        logger.info(
            f"Sending {drawn.table.num_rows:,} trades of {last.num_rows} symbols, drawn from seed {drawn.seed}"
            + "".join(f"; at row {action.at}: {action.do}" for action in drawn.actions)
        )

    @keyword
    def finish_sending_trades(self) -> None:
        """Wait until the last trade of every plan of this test is sent.

        Raises:
            MisuseError: Nothing is being sent.
            ExchangeError: A plan failed.
            WaitError: A plan did not end within twice its length and 30 s.
        """
        scene = session.current().scene
        scene.flow()
        scene.finish()

    @keyword
    def send_trades_with_every_kind_of_garbage(self) -> None:
        """Send one flow in which each kind of garbage stands between the good trades of a symbol of its own."""
        run = session.current()
        self.lease_symbols(len(garbage.KINDS))
        scene = run.own_scene()
        own = scene.leases[-1].symbols
        kinds = dict(zip([leased.symbol for leased in own], garbage.KINDS, strict=True))
        drawn = plan.draw(
            run.target.domain,
            own,
            trades=40 * len(kinds),
            per_second=500,
            seed=scene.next_seed(),
            begins_ns=now_ns(),
        )
        scene.garbage = {kind: symbol for symbol, kind in kinds.items()}
        # What breaks the connection comes after the rest: what is due while nobody listens is never on the wire.
        late = iter((0.55, 0.7, 0.85))
        placed = []
        for symbol, kind in kinds.items():
            breaks = garbage.KINDS[kind].treatment is garbage.Treatment.RECONNECT
            row = plan.row_of(drawn, symbol, share=next(late) if breaks else 0.25)
            placed.append(garbage.action(kind, row))
        self._play(plan.disturbed(drawn, placed))
        self.finish_sending_trades()


def _days_before_history(scene: Scene) -> int:
    """Late trades reach three days back, sentinels minutes ahead: five days stay clear of what is there."""
    known = session.current().lake.read([leased.symbol for leased in scene.symbols])
    oldest = pc.min(known["event_time"].cast(pa.int64())).as_py() or now_ns()
    return int((oldest // DAY_NS - 5) * DAY_NS)


def _budget(drawn: plan.Plan) -> timedelta:
    """Twice the plan's length and 30 s; what stalls the plan makes it longer."""
    length = pc.max(drawn.table["send_offset_ns"]).as_py() / 1e9
    stalled = sum(action.seconds for action in drawn.actions if isinstance(action, actions.Stall))
    return timedelta(seconds=2 * (length + stalled) + 30)


def _action(disturbance: Disturbance, *, rows: int) -> actions.Action:
    place = disturbance.at.strip()
    if re.fullmatch(r"[0-9]{1,2}%", place):
        at = rows * int(place[:-1]) // 100
    elif re.fullmatch(r"[0-9]{1,18}", place):
        at = int(place)
    else:
        raise MisuseError(
            f"`at` is {place or 'empty'}; it must be a row of the plan (17) or a share of it below 100% (40%)."
        )
    with told_plainly():
        (action,) = actions.from_json([{"do": disturbance.do, "at": at, **disturbance.values}])
    return action


def _plain(value: object) -> object:
    """Robot passes free named values as text: whole numbers, fractions and truth are meant as such."""
    if not isinstance(value, str):
        return value
    if value.lower() in {"true", "false"}:
        return value.lower() == "true"
    for form in (int, float):
        try:
            return form(value)
        except ValueError:
            continue
    return value


def _weights(scene: Scene, busiest_share: float | None) -> dict[str, float] | None:
    if busiest_share is None:
        return None
    if not 0 < busiest_share < 1:
        raise MisuseError(f"`busiest_share` must lie between 0 and 1, but it is {busiest_share:g}.")
    busiest, *quiet = [leased.symbol for leased in scene.symbols]
    if not quiet:
        raise MisuseError("`busiest_share` needs at least two leased symbols, but this test owns one.")
    return {busiest: busiest_share} | dict.fromkeys(quiet, (1 - busiest_share) / len(quiet))


def _continued(scene: Scene, leased: LeasedSymbol) -> LeasedSymbol:
    """A scene's second plan goes on where its first one stopped."""
    return LeasedSymbol(leased.symbol, scene.next_ids().get(leased.symbol, leased.next_id))
