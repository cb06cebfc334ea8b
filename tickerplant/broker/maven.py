"""Fetches jars from Maven Central by jgo, and resolves a new version of Kafka for the lock file."""

import re
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from tickerplant.broker.errors import BrokerError
from tickerplant.broker.jars import KAFKA, Jar, checksum

LOG4J = "org.apache.logging.log4j"
SIDE_BY_SIDE = 6
TRIES = 3


def fetch(jars: Iterable[Jar], folder: Path, staging: Path, progress: Callable[[int], None]) -> None:
    """Put the jars into `folder`, each with the checksum that the lock file demands.

    Args:
        jars: What to fetch.
        folder: Where the verified files go; a file appears there only when it is whole.
        staging: A folder for files on their way.
        progress: Called with the number of jars that have arrived.

    Raises:
        BrokerError: No network, or a file is not the one that was pinned.
    """
    # The import costs 0.2 s; a prepared machine never pays it.
    from jgo.maven import MavenContext  # noqa: PLC0415

    shutil.rmtree(staging, ignore_errors=True)
    context = MavenContext(repo_cache=staging, remote_repos=_repositories())
    folder.mkdir(parents=True, exist_ok=True)

    def one(jar: Jar) -> None:
        path = _download(context, jar)
        found = checksum(path)
        if found != jar.sha256:
            raise BrokerError(
                f"{jar.coordinate} arrived with sha256 {found[:12]}..., but kafka.lock pins "
                f"{jar.sha256[:12]}...: something between here and Maven Central alters files; "
                "fetch through another network."
            )
        path.replace(folder / jar.filename)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        waiting = [pool.submit(one, jar) for jar in jars]
        try:
            for count, done in enumerate(as_completed(waiting), start=1):
                done.result()
                progress(count)
        finally:
            pool.shutdown(cancel_futures=True)
    shutil.rmtree(staging, ignore_errors=True)


def resolve(version: str, staging: Path) -> tuple[Jar, ...]:
    """Return all jars that this version of Kafka needs at run time, with their checksums.

    Kafka's published dependencies leave the logging binding out; it is added in the version of log4j that
    Kafka asks for, else the broker's log is lost.
    """
    from jgo.maven import MavenContext  # noqa: PLC0415 - see fetch
    from jgo.parse import Endpoint  # noqa: PLC0415

    context = MavenContext(repo_cache=staging, remote_repos=_repositories())

    def closure(endpoint: str) -> list[Jar]:
        wanted = [
            context.create_dependency(replace(coordinate, scope="compile"))
            for coordinate in Endpoint.parse(endpoint).coordinates
        ]
        inputs, others = context.resolver.resolve(wanted)
        found = [*inputs, *(each for each in others if each.scope in ("compile", "runtime"))]
        return [Jar(each.groupId, each.artifactId, each.version, "") for each in found]

    jars = closure(f"{KAFKA}:{version}")
    log4j = next(jar.version for jar in jars if jar.artifact == "log4j-core")
    names = {(jar.group, jar.artifact) for jar in jars}
    binding = closure(f"{LOG4J}:log4j-slf4j-impl:{log4j}")
    jars += [jar for jar in binding if (jar.group, jar.artifact) not in names]
    return tuple(replace(jar, sha256=checksum(_download(context, jar))) for jar in jars)


def _download(context: object, jar: Jar) -> Path:
    import requests  # noqa: PLC0415 - see fetch

    project = context.project(jar.group, jar.artifact)  # type: ignore[attr-defined] # jgo's class is loaded late
    artifact = project.at_version(jar.version).artifact()
    for attempt in range(1, TRIES + 1):
        try:
            return Path(artifact.resolve())
        except requests.RequestException as error:
            artifact.cached_path.unlink(missing_ok=True)
            if attempt == TRIES:
                raise BrokerError(
                    f"{jar.coordinate} cannot be fetched from Maven Central ({_cause(error)}): connect "
                    "this machine to the Internet for the first set-up, or let TICKPROOF_CACHE_DIR name a folder "
                    "that was set up already."
                ) from error
            time.sleep(0.3 * attempt)
        except RuntimeError as error:
            raise BrokerError(f"{jar.coordinate} is not on Maven Central or its mirror: {error}.") from error
    raise AssertionError("unreachable: the last try returns or raises")


def _repositories() -> dict[str, str]:
    from jgo.config import GlobalSettings  # noqa: PLC0415 - see fetch
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415

    # Mirrors in the user's own jgo settings are asked first; one that is called central takes Maven Central's place.
    own: dict[str, str] = GlobalSettings.load().repositories
    return {**own, "central": own.get("central", MAVEN_CENTRAL_URL)}


def _cause(error: BaseException) -> str:
    """Return the innermost reason, without the client library's wrapping."""
    inner = getattr(error, "reason", None) or next(
        (a for a in error.args if isinstance(a, BaseException)), None
    )
    if isinstance(inner, BaseException):
        return _cause(inner)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # urllib3 puts the connection's representation in front, and the number of the error.
    return re.sub(r"^\[Errno \d+\] ", "", str(error).rpartition(": ")[2]) or type(error).__name__
