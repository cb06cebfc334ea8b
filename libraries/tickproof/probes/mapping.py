"""From a hop's own rows to sightings: the target's mapping, exact decimals, and where each row stood."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.ledger.schemas import EVENT_TIME, SEEN, as_table
from tickproof.probes.errors import UnreadableRowError
from tickproof.probes.exact import exact
from tickproof.target.projection import REQUIRED, CannotMapError, Projection

Symbols = Collection[str] | Mapping[str, int]
"""The symbols to read; a mapping also gives the first trade id of each that counts."""

_NANOSECONDS = pa.timestamp("ns")


@dataclass(frozen=True)
class Own(Mapping[str, int]):
    """What a test answers for: its symbols from their first ids on, and whatever no test can have sent.

    To read by it is to see strangers, too: rows of symbols that the venue does not list (`ethbtc` for `ETHBTC`), and
    rows with ids that it cannot have given (-2^63 for 2^63). Nobody else would ever ask for them.

    Attributes:
        first_ids: The first trade id of each symbol of the test.
        listed: By symbol, the lowest id that the venue gives and the one behind the highest.
        before: The lake's snapshot when the test began; strangers that it held already are not the test's.
    """

    first_ids: Mapping[str, int]
    listed: Mapping[str, tuple[int, int]]
    before: int | None = None

    def __getitem__(self, symbol: str) -> int:
        """Return the first id of a symbol of the test."""
        return self.first_ids[symbol]

    def __iter__(self) -> Iterator[str]:
        """Go through the symbols of the test."""
        return iter(self.first_ids)

    def __len__(self) -> int:
        """Return how many symbols the test has."""
        return len(self.first_ids)

    def strange(self, seen: pa.Table) -> pa.ChunkedArray:
        """Tell which rows nobody can have sent."""
        place = pc.index_in(seen["symbol"], value_set=pa.array(list(self.listed), pa.string()))
        lowest, behind = (
            pc.take(pa.array([bounds[end] for bounds in self.listed.values()], pa.int64()), place)
            for end in (0, 1)
        )
        ids = seen["trade_id"]
        possible = pc.and_(pc.greater_equal(ids, lowest), pc.less(ids, behind))
        return pc.and_(pc.invert(pc.fill_null(possible, False)), pc.invert(_from_first(seen, self)))


@dataclass(frozen=True)
class Positions:
    """Where the rows of a batch stood at their hop, column by column.

    Attributes:
        lane: Kafka partition, file ordinal or page number.
        offset: The position in the lane.
        seen_ns: When the kit read the row.
        place: A file, a snapshot, an unexpected key; null where there is nothing to say.
        hop_time_ns: Tells the hop's own stamps; asked when the mapping gives no ``hop_time``.
    """

    lane: np.ndarray | pa.Array
    offset: np.ndarray | pa.Array
    seen_ns: np.ndarray | pa.Array
    place: pa.Array | pa.ChunkedArray | None = None
    hop_time_ns: Callable[[], np.ndarray] | None = None


class Mapper:
    """Makes sightings of a hop's rows.

    Args:
        hop: The hop's name: ``kafka``.
        sql: The target's mapping.
        keeps_text: Whether the hop keeps the venue's own text of prices and sizes.
    """

    def __init__(self, hop: str, sql: str, *, keeps_text: bool) -> None:
        self._hop = hop
        self._keeps_text = keeps_text
        self._projection = Projection(sql, f"Key `hops.{hop}.mapping`")

    def sightings(self, rows: pa.Table, positions: Positions, where: Callable[[int], str]) -> pa.Table:
        """Map rows.

        Args:
            rows: The hop's own rows.
            positions: Where each stood.
            where: Says in words where the row with this number stood.

        Returns:
            A table of the ledger's schema SEEN.

        Raises:
            UnreadableRowError: A row lacks a field of a trade or holds a number that is not exact.
            TargetError: The mapping itself is wrong.
        """
        mapped = self._mapped(rows, where)
        for name in REQUIRED:
            if mapped[name].null_count:
                row = pc.index(pc.is_null(mapped[name]), True).as_py()
                raise UnreadableRowError(f"A trade at {self._hop} should have a {name} ({where(row)}).")
        columns: dict[str, object] = {
            "symbol": mapped["symbol"],
            "trade_id": self._whole(mapped["trade_id"], where),
            "price": exact(mapped["price"], "price", where),
            "quantity": exact(mapped["quantity"], "quantity", where),
            "event_time": _moment(mapped["event_time"]).cast(EVENT_TIME),
            "side": mapped["side"],
            "hop": pa.array([self._hop], pa.string()).take(pa.array(np.zeros(rows.num_rows, np.int64))),
            "seen_ns": positions.seen_ns,
            "lane": positions.lane,
            "offset": positions.offset,
        }
        if "source" in mapped.column_names:
            columns["source"] = mapped["source"]
        if "hop_time" in mapped.column_names:
            columns["hop_time_ns"] = _moment(mapped["hop_time"]).cast(pa.int64())
        elif positions.hop_time_ns is not None:
            columns["hop_time_ns"] = positions.hop_time_ns()
        if positions.place is not None:
            columns["place"] = positions.place
        if self._keeps_text:
            columns |= {f"{name}_text": mapped[name].cast(pa.string()) for name in ("price", "quantity")}
        return as_table(SEEN, columns)

    def _mapped(self, rows: pa.Table, where: Callable[[int], str]) -> pa.Table:
        try:
            return self._projection.run(rows)
        except CannotMapError as error:
            first, count = 0, rows.num_rows
            while count > 1:  # halve until the first row that fails is alone
                half = count // 2
                try:
                    self._projection.run(rows.slice(first, half))
                except CannotMapError:
                    count = half
                else:
                    first, count = first + half, count - half
            raise UnreadableRowError(
                f"A row at {self._hop} cannot be mapped: {error} ({where(first)})."
            ) from None

    def _whole(self, ids: pa.ChunkedArray, where: Callable[[int], str]) -> pa.ChunkedArray:
        try:
            return pc.cast(ids, pa.int64())
        except pa.ArrowInvalid:
            row = next(n for n, value in enumerate(ids.to_pylist()) if value >= 2**63)
            raise UnreadableRowError(
                f"trade_id should fit into 64 bits with sign, but is {ids[row]} ({where(row)})."
            ) from None


def only(seen: pa.Table, symbols: Symbols | None) -> pa.Table:
    """Keep the sightings of some symbols.

    Args:
        seen: Sightings.
        symbols: The symbols; a mapping also gives the first trade id of each that counts. `Own` keeps strangers, too.
            None keeps all.

    Returns:
        The rows of these symbols, in their order.
    """
    if symbols is None:
        return seen
    if not isinstance(symbols, Mapping):
        return seen.filter(pc.is_in(seen["symbol"], value_set=pa.array(list(symbols), pa.string())))
    kept = _from_first(seen, symbols)
    return seen.filter(pc.or_(kept, symbols.strange(seen)) if isinstance(symbols, Own) else kept)


def _from_first(seen: pa.Table, first_ids: Mapping[str, int]) -> pa.ChunkedArray:
    """Tell which rows belong to these symbols and have these ids or later ones."""
    place = pc.index_in(seen["symbol"], value_set=pa.array(list(first_ids), pa.string()))
    first = pc.take(pa.array(list(first_ids.values()), pa.int64()), place)
    return pc.fill_null(pc.greater_equal(seen["trade_id"], first), False)


def _moment(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times as nanoseconds in UTC; those without a zone are UTC already."""
    return pc.cast(pc.cast(times, pa.timestamp(times.type.unit)), _NANOSECONDS)
