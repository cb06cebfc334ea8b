"""Who owns which symbol, and the id of each symbol's next trade; in a file, so that a restart continues."""

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4


class LeaseError(Exception):
    """A lease cannot be given; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process; `started` tells it from a later one with the same number."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Owner":
        """Return the process that has this number now."""
        return cls(pid, _started(pid))

    @property
    def alive(self) -> bool:
        """Tell whether this very process still runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return _started(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class Lease:
    """Symbols that belong to one process."""

    id: str
    owner: Owner
    symbols: tuple[str, ...]


class Leases:
    """The symbols of the venue, their counters and their owners."""

    def __init__(self, folder: Path, symbols: Iterable[str]) -> None:
        """Read what an earlier exchange left in the folder."""
        self._file = folder / "symbols.json"
        saved = json.loads(self._file.read_text()) if self._file.exists() else {}
        known: dict[str, int] = saved.get("next_id", {})
        self._next = {name: known.get(name, first_id(name)) for name in symbols}
        self._used: dict[str, int] = saved.get("used", {})
        self._turn: int = saved.get("turn", 0)
        self._leases = {
            row["id"]: Lease(row["id"], Owner(**row["owner"]), tuple(row["symbols"]))
            for row in saved.get("leases", [])
        }

    @property
    def counters(self) -> Mapping[str, int]:
        """The id of each symbol's next trade."""
        return self._next

    @property
    def all(self) -> list[Lease]:
        """The leases that are held."""
        return list(self._leases.values())

    def take(
        self, count: int, owner: Owner, only: Sequence[str] | None = None, seed: int | None = None
    ) -> Lease:
        """Lease symbols.

        Args:
            count: How many.
            owner: Whose they are.
            only: Names to choose from; None: all.
            seed: What their order follows from: the same seed gives the same symbols, if they are free. None: those
                not used for longest come first.

        Raises:
            LeaseError: Too few are free, or one is not on the list.
        """
        self.reap()
        for name in only or ():
            if name not in self._next:
                raise LeaseError(f"symbol {name} is not listed on the simulated exchange.")
        held = {name for lease in self._leases.values() for name in lease.symbols}
        wanted = dict.fromkeys(only) if only is not None else self._next
        free = [name for name in wanted if name not in held]
        if seed is None:
            free.sort(key=lambda name: self._used.get(name, 0))
        else:
            free.sort(key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
        if count < 1 or len(free) < count:
            raise LeaseError(
                f"{count} symbols were asked for, but {len(free)} of {len(wanted)} are free "
                f"({len(self._leases)} leases are held)."
            )
        lease = Lease(uuid4().hex[:12], owner, tuple(free[:count]))
        self._turn += 1
        self._used.update(dict.fromkeys(lease.symbols, self._turn))
        self._leases[lease.id] = lease
        self._save()
        return lease

    def release(self, lease_id: str) -> bool:
        """Give symbols back; return whether the lease was held."""
        lease = self._leases.pop(lease_id, None)
        if lease is not None:
            self._save()
        return lease is not None

    def reap(self) -> list[Lease]:
        """Give back the symbols of processes that are gone."""
        lost = [lease for lease in self._leases.values() if not lease.owner.alive]
        for lease in lost:
            del self._leases[lease.id]
        if lost:
            self._save()
        return lost

    def advance(self, behind: Mapping[str, int]) -> None:
        """Move counters to the ids behind a plan's last."""
        self._next.update(behind)
        self._save()

    def _save(self) -> None:
        value = {
            "next_id": self._next,
            "used": self._used,
            "turn": self._turn,
            "leases": [asdict(lease) for lease in self._leases.values()],
        }
        write_whole(self._file, json.dumps(value))


def first_id(symbol: str) -> int:
    """Return the id of a symbol's first trade: as large as a real venue's, many of them beyond 32 bits.

    >>> first_id("BTCUSDT") > 1_000_000
    True
    """
    return 1_000_000 + 2 * zlib.crc32(symbol.encode())


def write_whole(file: Path, text: str) -> None:
    """Write a file so that a reader sees either the old or the new one."""
    draft = file.with_suffix(".new")
    draft.write_text(text)
    draft.replace(file)


def _started(pid: int) -> str:
    """Return when a process was started, in the system's own ticks; empty where the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
