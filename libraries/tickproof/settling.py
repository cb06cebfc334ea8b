"""Wait until all that Kafka held has been worked off: only then can no duplicate come any more."""

from collections.abc import Mapping
from datetime import timedelta

from robot.api import logger

from tickproof.probes.errors import HopUnreachableError
from tickproof.scenes import Scene
from tickproof.session import Session
from tickproof.verdicts.snapshots import offsets_in
from tickproof.waiting import WaitError, patiently, said

ONE_MORE = timedelta(seconds=2)
"""Where nothing tells how far the topic was read, so long is waited for one more commit."""

Ends = Mapping[int, int]
"""By partition, the offset that the next record will get."""


class Settling:
    """Tells whether what a hop shows is all that it will ever show of what Kafka holds.

    A trade that is there may come again behind the last one that was missing: whoever looks once all is there does not
    see that. So the last look has to begin when the table had read the topic up to where it ended when all was in it.

    Args:
        run: The session.
        scene: Whose trades are looked for.
        hop: Where.
    """

    def __init__(self, run: Session, scene: Scene, hop: str) -> None:
        self._run = run
        self._scene = scene
        self._hop = hop
        self._settled = False

    def before_look(self) -> None:
        """Note whether all had been worked off before a look at the API, which takes longer than this question."""
        if self._hop == "api" and not self._settled and self._scene.ends is not None:
            self._settled = covered(self._run, self._scene.ends) is True

    def wait(self) -> bool:
        """Wait until all has been worked off; tell whether the hop has to be looked at once more."""
        run = self._run
        if self._settled:
            return False
        if run.target.hops.kafka is not None and self._scene.ends is None:
            self._scene.ends = ends_now(run)  # whatever the hop shows came through the topic
        if self._scene.ends is None or covered(run, self._scene.ends) is None:
            self._wait_for_one_more()
        else:
            self._wait_until_covered(self._scene.ends)
        return True

    def _wait_until_covered(self, ends: Ends) -> None:
        longest = self._run.target.waits.stalled_after
        try:
            patiently(
                lambda: covered(self._run, ends),
                until=bool,
                within=longest,
                every=timedelta(milliseconds=20),
                what="The table should have read the topic to where it ended",
                describe=lambda _: "its offsets lie before that",
            )
        except WaitError:
            logger.warn(
                f"The newest snapshot does not say within {said(longest)} that the topic was read to where it ended "
                f"when all was in it; what {self._hop} shows by now is judged."
            )

    def _wait_for_one_more(self) -> None:
        run = self._run
        before = run.lake.snapshot() if run.target.hops.lake is not None else None
        try:
            patiently(
                lambda: run.lake.snapshot() if run.target.hops.lake is not None else None,
                until=lambda now: now != before,
                within=ONE_MORE,
                what="The table should have one more snapshot",
                tolerate=(HopUnreachableError,),
            )
            waited = "one more commit"
        except WaitError:
            waited = said(ONE_MORE)
        logger.info(
            "Nothing tells how far the topic was read (`hops.lake.offsets_property`), so a duplicate that comes late "
            f"may be overlooked: {self._hop} is looked at once more after {waited}."
        )


def covered(run: Session, ends: Ends) -> bool | None:
    """Tell whether the table has read the topic of trades up to these ends; None where it does not tell."""
    lake = run.target.hops.lake
    if lake is None or lake.offsets_property is None:
        return None
    try:
        offsets = offsets_in(run.lake.summary().get(lake.offsets_property, ""))
    except HopUnreachableError:
        return False
    return offsets is not None and all(offsets.get(partition, 0) >= end for partition, end in ends.items())


def ends_now(run: Session) -> Ends:
    """Return where the topic of trades ends now."""
    kafka = run.target.hops.kafka
    assert kafka is not None
    return run.kafka.ends(kafka.topic)[kafka.topic]
