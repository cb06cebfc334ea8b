"""The first set-up of the broker, in steps that each leave something whole behind."""

import errno
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tickerplant.broker.cache import BrokerCache, only_one
from tickerplant.broker.errors import BrokerError
from tickerplant.broker.jars import Jar, kafka_version, read_lock, write_lock
from tickerplant.broker.jvm import Profile, aot_cache, chosen_profile
from tickerplant.settings import Environment

NEEDED_BYTES = 300_000_000

Say = Callable[[str], None]


def is_prepared(cache: BrokerCache, profile: Profile) -> bool:
    """Tell whether a broker can start now; looks at files only."""
    made = (cache.template, aot_cache(cache, profile))
    return not cache.doubtful_jars() and all(cache.proofs.is_untouched(part) for part in made)


def check(environment: Environment, say: Say, profile_name: str = "") -> bool:
    """Look closely whether all is prepared, and change nothing.

    Args:
        environment: Names the cache folder and the JVM profile.
        say: Takes one sentence: what is there, or what is not.
        profile_name: The JVM profile, when it is not to be the one that the environment names.

    Returns:
        Whether a broker can start now.
    """
    profile = _profile(environment, profile_name)
    cache = BrokerCache.of(environment, read_lock())
    broken = cache.broken_jars()
    lacking = [f"{len(broken)} of {len(cache.jars)} jars"] if broken else []
    made = {"the data directory's template": cache.template, "the JVM's training": aot_cache(cache, profile)}
    lacking += [name for name, part in made.items() if not cache.proofs.is_whole(part)]
    title = f"Kafka {kafka_version(cache.jars)}, profile '{profile.name}',"
    if lacking:
        say(f"{title} is not complete in {cache.folder}: missing or damaged: {', '.join(lacking)}.")
    else:
        say(f"{title} is complete in {cache.folder}.")
    return not lacking


def prepare(environment: Environment, say: Say, profile_name: str = "") -> None:
    """Fetch, verify, format and train whatever is not there yet; no network is touched for jars that are.

    Args:
        environment: Names the cache folder and the JVM profile.
        say: Takes one line of progress.
        profile_name: The JVM profile, when it is not to be the one that the environment names.

    Raises:
        BrokerError: A step failed; the message says which and what to do.
    """
    profile = _profile(environment, profile_name)
    cache = BrokerCache.of(environment, read_lock())
    if is_prepared(cache, profile):
        return
    try:
        with only_one(cache.folder, lambda: say("Another set-up is at work; waiting for it.")):
            _prepare_jars(cache, say)
            _make(cache, cache.template, lambda: _format(cache, profile), say)
            _make(cache, aot_cache(cache, profile), lambda: _train(cache, profile, say), say)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BrokerError(
                f"No space is left for {cache.folder}: the broker needs {NEEDED_BYTES // 1_000_000} MB there; "
                "free some, or let TICKPROOF_CACHE_DIR name a folder on another disk."
            ) from error
        reason = error.strerror or error
        raise BrokerError(f"The cache folder {cache.folder} cannot be used: {reason}.") from error


def _profile(environment: Environment, name: str) -> Profile:
    return chosen_profile(Environment({"KAFKA_PROFILE": name}) if name else environment)


def _make(cache: BrokerCache, part: Path, make: Callable[[], None], say: Say) -> None:
    """Make a part that is not there or is damaged; one that was only touched is looked at and counts as whole again."""
    proofs = cache.proofs
    if not proofs.is_whole(part):
        if proofs.knows(part):
            say(f"Damaged in {cache.folder}, made again: {part.name}.")
        make()
    proofs.record(part)


# What fetches and trains is loaded late: a start with all in place should not pay for it.


def _format(cache: BrokerCache, profile: Profile) -> None:
    from tickerplant.broker import training  # noqa: PLC0415 - see above

    training.format_template(cache, profile)


def _train(cache: BrokerCache, profile: Profile, say: Say) -> None:
    from tickerplant.broker import training  # noqa: PLC0415 - see above

    began = time.monotonic()
    say(f"Training the Java runtime for profile '{profile.name}' (once, some 10 s) ...")
    training.train(cache, profile)
    say(f"Training the Java runtime took {time.monotonic() - began:.0f} s.")


def _prepare_jars(cache: BrokerCache, say: Say) -> None:
    broken = cache.broken_jars()
    if broken:
        _fetch(cache, broken, say)
    cache.stamp()


def _fetch(cache: BrokerCache, broken: list[Jar], say: Say) -> None:
    damaged = [jar.filename for jar in broken if (cache.jar_folder / jar.filename).exists()]
    if damaged:
        say(f"Damaged in {cache.jar_folder}, fetched again: {', '.join(damaged)}.")
    free = shutil.disk_usage(cache.folder).free
    if free < NEEDED_BYTES:
        raise OSError(errno.ENOSPC, f"{free} bytes free")
    total, began = len(broken), time.monotonic()
    title = f"Kafka {kafka_version(cache.jars)} from Maven Central"
    say(f"Fetching {title}: {total} jars ...")
    told = began

    def progress(count: int) -> None:
        nonlocal told
        if time.monotonic() - told >= 1 and count < total:
            told = time.monotonic()
            say(f"Fetching {title}: {count} of {total} jars after {told - began:.0f} s")

    from tickerplant.broker import maven  # noqa: PLC0415 - see above

    maven.fetch(broken, cache.jar_folder, cache.folder / "staging", progress)
    say(f"Fetched and verified {total} jars in {time.monotonic() - began:.0f} s.")


def relock(version: str, say: Say) -> None:
    """Resolve a version of Kafka anew and write the lock file."""
    from tickerplant.broker import maven  # noqa: PLC0415 - see above

    with tempfile.TemporaryDirectory() as staging:
        jars = maven.resolve(version, Path(staging))
    write_lock(jars)
    say(f"Pinned {len(jars)} jars of Kafka {kafka_version(jars)}.")
