"""The set-up of the broker without Java and without a network: what is kept, proved, and said."""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from common.waits import PATIENCE
from messages.approved import approve

from tickerplant.broker import maven, prepare, training
from tickerplant.broker.cache import BrokerCache, cache_folder, only_one
from tickerplant.broker.errors import BrokerError
from tickerplant.broker.jars import Jar, kafka_version, read_lock, write_lock
from tickerplant.broker.jvm import PROFILES, Profile, aot_cache
from tickerplant.broker.properties import BrokerSettings, properties
from tickerplant.service import Environment, SettingsError

CONTENT = {"kafka_2.13": b"kafka", "other": b"other"}


def jar(artifact: str) -> Jar:
    group = "org.apache.kafka" if artifact == "kafka_2.13" else "org.other"
    return Jar(group, artifact, "9.9.9", hashlib.sha256(CONTENT[artifact]).hexdigest())


JARS = tuple(jar(artifact) for artifact in CONTENT)
DAMAGES: dict[str, tuple[str, str, bytes | None]] = {
    "template": ("format", "template/meta.properties", b""),
    "template-half": ("format", "template/bootstrap.checkpoint", None),
    "training": ("train small", "", b"drained"),
    "training-cut": ("train small", "", b"tra"),
}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment({"TICKPROOF_CACHE_DIR": str(tmp_path)})


@pytest.fixture
def cache(environment: Environment) -> BrokerCache:
    return BrokerCache.of(environment, JARS)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for Maven Central and Java; returns what was asked of them."""
    asked: list[str] = []

    def fetch(jars: list[Jar], folder: Path, _staging: Path, progress: Callable[[int], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for count, each in enumerate(jars, start=1):
            asked.append(each.artifact)
            (folder / each.filename).write_bytes(CONTENT[each.artifact])
            progress(count)

    def format_template(cache: BrokerCache, _profile: Profile) -> None:
        asked.append("format")
        shutil.rmtree(cache.template, ignore_errors=True)
        cache.template.mkdir()
        (cache.template / "bootstrap.checkpoint").write_bytes(b"checkpoint")
        (cache.template / "meta.properties").write_bytes(b"cluster.id=1")

    def train(cache: BrokerCache, profile: Profile) -> None:
        asked.append(f"train {profile.name}")
        aot_cache(cache, profile).write_bytes(b"trained")

    monkeypatch.setattr(prepare, "read_lock", lambda: JARS)
    monkeypatch.setattr(maven, "fetch", fetch)
    monkeypatch.setattr(training, "format_template", format_template)
    monkeypatch.setattr(training, "train", train)
    return asked


def heard(environment: Environment, profile: str = "") -> list[str]:
    said: list[str] = []
    prepare.prepare(environment, said.append, profile)
    return said


class TestTheLockFile:
    def test_every_jar_is_pinned_once_with_its_checksum(self) -> None:
        jars = read_lock()
        assert len({jar.filename for jar in jars}) == len(jars) > 40
        assert all(set(jar.sha256) <= set("0123456789abcdef") for jar in jars)
        assert kafka_version(jars).count(".") == 2

    def test_it_holds_a_logging_binding(self) -> None:
        assert "log4j-slf4j-impl" in {jar.artifact for jar in read_lock()}

    def test_it_reads_what_it_wrote(self, tmp_path: Path) -> None:
        write_lock(JARS, tmp_path / "kafka.lock")
        assert read_lock(tmp_path / "kafka.lock") == JARS

    def test_a_damaged_line_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "kafka.lock").write_text("# head\norg.other:other 12\n")
        with pytest.raises(BrokerError) as refused:
            read_lock(tmp_path / "kafka.lock")
        approve("broker-damaged-lock-file", str(refused.value))


class TestTheFirstSetUp:
    def test_it_does_each_step_once(self, environment: Environment, fetched: list[str]) -> None:
        heard(environment)
        assert fetched == ["kafka_2.13", "other", "format", "train small"]
        assert heard(environment) == []
        assert len(fetched) == 4

    def test_another_profile_needs_another_training_only(
        self, environment: Environment, fetched: list[str]
    ) -> None:
        heard(environment)
        heard(environment, "low-latency")
        assert fetched[4:] == ["train low-latency"]

    def test_a_profile_that_does_not_exist_is_refused(self, environment: Environment) -> None:
        with pytest.raises(SettingsError) as refused:
            heard(environment, "fast")
        assert str(refused.value) == "KAFKA_PROFILE is 'fast', but must be one of: small, low-latency."

    @pytest.mark.parametrize("same_size", [True, False], ids=["same-size", "cut"])
    def test_a_damaged_jar_is_told_and_fetched_again(
        self, environment: Environment, cache: BrokerCache, fetched: list[str], *, same_size: bool
    ) -> None:
        heard(environment)
        damaged = cache.jar_folder / JARS[1].filename
        damaged.write_bytes(b"OTHER" if same_size else b"ot")
        said = heard(environment)
        assert fetched[4:] == ["other"]
        approve("broker-damaged-jar", said[0], hide={str(cache.folder): "CACHE"})
        assert damaged.read_bytes() == b"other"

    def test_a_jar_that_was_only_touched_is_not_fetched_again(
        self, environment: Environment, cache: BrokerCache, fetched: list[str]
    ) -> None:
        heard(environment)
        (cache.jar_folder / JARS[0].filename).touch()
        assert cache.doubtful_jars()
        assert heard(environment) == []
        assert not cache.doubtful_jars()
        assert len(fetched) == 4

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_a_damaged_part_is_told_and_made_again(
        self, environment: Environment, cache: BrokerCache, fetched: list[str], damage: str
    ) -> None:
        heard(environment)
        made, path, content = DAMAGES[damage]
        damaged = cache.folder / path if path else aot_cache(cache, PROFILES["small"])
        whole = damaged.read_bytes()
        damaged.unlink() if content is None else damaged.write_bytes(content)
        assert not prepare.is_prepared(cache, PROFILES["small"])
        said = heard(environment)
        assert fetched[4:] == [made]
        name = aot_cache(cache, PROFILES["small"]).name
        approve(
            f"broker-damaged-{made.partition(' ')[0]}",
            said[0],
            hide={str(cache.folder): "CACHE", name: "small.aot"},
        )
        assert damaged.read_bytes() == whole
        assert prepare.is_prepared(cache, PROFILES["small"])

    def test_a_part_that_was_only_touched_is_not_made_again(
        self, environment: Environment, cache: BrokerCache, fetched: list[str]
    ) -> None:
        heard(environment)
        for part in (cache.template / "meta.properties", aot_cache(cache, PROFILES["small"])):
            part.touch()
        assert not prepare.is_prepared(cache, PROFILES["small"])
        assert heard(environment) == []
        assert prepare.is_prepared(cache, PROFILES["small"])
        assert len(fetched) == 4

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", '{"template": 1}', '{"template": {"meta.properties": 5}}']
    )
    def test_what_was_not_finished_is_made_again(
        self, environment: Environment, cache: BrokerCache, fetched: list[str], text: str
    ) -> None:
        heard(environment)
        (cache.folder / "made.json").write_text(text)
        assert "Damaged" not in " ".join(heard(environment))
        assert fetched[4:] == ["format", "train small"]

    def test_a_look_tells_what_is_missing_and_changes_nothing(
        self, environment: Environment, cache: BrokerCache, fetched: list[str]
    ) -> None:
        told: list[str] = []
        assert not prepare.check(environment, told.append)
        assert not cache.folder.exists()
        heard(environment)
        assert prepare.check(environment, told.append)
        assert not prepare.check(environment, told.append, "low-latency")
        (cache.jar_folder / JARS[0].filename).unlink()
        (cache.template / "meta.properties").write_bytes(b"")
        assert not prepare.check(environment, told.append)
        assert len(fetched) == 4
        approve("broker-check", "\n".join(told), hide={str(cache.folder): "CACHE"})

    def test_an_interrupted_fetch_goes_on_where_it_was(
        self, environment: Environment, cache: BrokerCache, fetched: list[str]
    ) -> None:
        cache.jar_folder.mkdir(parents=True)
        (cache.jar_folder / JARS[0].filename).write_bytes(CONTENT["kafka_2.13"])
        heard(environment)
        assert fetched[0] == "other"

    def test_two_at_once_do_the_work_once(self, environment: Environment, fetched: list[str]) -> None:
        both = [threading.Thread(target=heard, args=(environment,)) for _ in range(2)]
        for each in both:
            each.start()
        for each in both:
            each.join()
        assert len(fetched) == 4

    def test_who_has_to_wait_is_told_so(self, cache: BrokerCache) -> None:
        told = threading.Event()

        def second() -> None:
            with only_one(cache.folder, told.set):
                pass

        waiting = threading.Thread(target=second)
        with only_one(cache.folder, lambda: None):
            waiting.start()
            assert told.wait(PATIENCE)
        waiting.join()


class TestWhatGoesWrong:
    def test_no_space_left(
        self, environment: Environment, cache: BrokerCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(prepare, "read_lock", lambda: JARS)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
        with pytest.raises(BrokerError) as refused:
            heard(environment)
        approve("broker-no-space", str(refused.value), hide={str(cache.folder): "CACHE"})

    def test_a_file_in_the_place_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "cache").touch()
        with pytest.raises(BrokerError) as refused:
            heard(Environment({"TICKPROOF_CACHE_DIR": str(tmp_path / "cache")}))
        name = BrokerCache.of(Environment({"CACHE_DIR": "/"}), read_lock()).folder.name
        approve("broker-cache-is-a-file", str(refused.value), hide={str(tmp_path): "HERE", name: "KAFKA"})

    def test_no_network(self, cache: BrokerCache, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setattr(maven, "TRIES", 1)
        with pytest.raises(BrokerError) as refused:
            maven.fetch(JARS[:1], cache.jar_folder, cache.folder / "staging", lambda _: None)
        approve("broker-no-network", str(refused.value))

    def test_a_mirror_that_the_user_has_set_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = SimpleNamespace(repositories={"ours": "https://ours", "central": "https://mirror"})
        monkeypatch.setattr("jgo.config.GlobalSettings.load", lambda: settings)
        assert maven._repositories() == {"ours": "https://ours", "central": "https://mirror"}
        settings.repositories = {"ours": "https://ours"}
        (first, _), (last, central) = maven._repositories().items()
        assert (first, last, central.startswith("https://repo.maven.apache.org/")) == (
            "ours",
            "central",
            True,
        )

    def test_a_file_that_is_not_the_pinned_one(
        self, cache: BrokerCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "altered.jar").write_bytes(b"altered")
        monkeypatch.setattr(maven, "_download", lambda _context, _jar: tmp_path / "altered.jar")
        with pytest.raises(BrokerError) as refused:
            maven.fetch(JARS[:1], cache.jar_folder, cache.folder / "staging", lambda _: None)
        approve("broker-altered-jar", str(refused.value))
        assert list(cache.jar_folder.iterdir()) == []

    def test_a_broker_that_was_never_prepared(self, tmp_path: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tickerplant.broker", "run"],
            env={
                **os.environ,
                "CACHE_DIR": str(tmp_path / "cache"),
                "STATE_DIR": str(tmp_path / "state"),
                "KAFKA_PORT": "19092",
                "KAFKA_CONTROLLER_PORT": "19093",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        name = BrokerCache.of(Environment({"CACHE_DIR": "/"}), read_lock()).folder.name
        approve("broker-not-prepared", done.stderr, hide={str(tmp_path): "HERE", name: "KAFKA"})

    def test_an_unknown_command_shows_the_known_ones(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tickerplant.broker", "start"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "tickerplant.broker prepare" in done.stderr


def test_the_drivers_folder_goes_before_the_users() -> None:
    assert cache_folder(Environment({"CACHE_DIR": "/a", "TICKPROOF_CACHE_DIR": "/b"})) == Path("/a")
    assert cache_folder(Environment({"TICKPROOF_CACHE_DIR": "/b"})) == Path("/b")
    assert cache_folder(Environment({})).name == "tickproof"


def test_nothing_is_created_by_accident_and_nothing_waits() -> None:
    text = properties(BrokerSettings(port=1, controller_port=2, data=Path("/data")))
    for line in (
        "auto.create.topics.enable=false",
        "group.initial.rebalance.delay.ms=0",
        "offsets.topic.replication.factor=1",
        "share.coordinator.state.topic.replication.factor=1",
        "listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2",
    ):
        assert line in text.splitlines()


def test_a_broker_in_a_container_is_found_from_outside_by_its_published_port() -> None:
    settings = BrokerSettings.read(
        Environment(
            {
                "KAFKA_HOST": "0.0.0.0",
                "KAFKA_ADVERTISED_HOST": "kafka",
                "KAFKA_PORT": "9092",
                "KAFKA_CONTROLLER_PORT": "9093",
                "KAFKA_PUBLISHED_PORT": "29094",
                "STATE_DIR": "/data",
            }
        )
    )
    lines = properties(settings).splitlines()
    assert "listeners=PLAINTEXT://0.0.0.0:9092,PUBLISHED://0.0.0.0:29094,CONTROLLER://127.0.0.1:9093" in lines
    assert "advertised.listeners=PLAINTEXT://kafka:9092,PUBLISHED://127.0.0.1:29094" in lines
