import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from messages.approved import approve
from tickproof import target
from tickproof.target import Capability, TargetError, files, find, known_targets, load

EMBEDDED = find("embedded")
EXAMPLE = Path(__file__).parent / "example.yaml"


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `variables` folder in a project of its own."""
    folder = tmp_path / "variables"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    return folder


def data() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    return loaded


def refused(text: str, variables: Path) -> str:
    (variables / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(TargetError) as caught:
        load("mine")
    return str(caught.value)


def set_at(tree: Any, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        tree = tree[int(part) if part.isdigit() else part]
    if value is ...:
        del tree[last]
    else:
        tree[last] = value


def test_the_embedded_target_is_loaded() -> None:
    loaded = load("embedded")
    assert loaded.name == "embedded"
    assert loaded.can("crash-points")
    assert set(loaded.capabilities) == set(Capability)
    assert loaded.fingerprint == hashlib.sha256(EMBEDDED.read_bytes()).hexdigest()[:12]
    assert loaded.file == EMBEDDED
    assert load(EMBEDDED) == loaded


def test_a_capability_that_no_target_has_is_a_misuse() -> None:
    with pytest.raises(ValueError, match="teleport"):
        load("embedded").can("teleport")


def test_a_target_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load("embedded").name = "other"  # type: ignore[misc]


def test_a_target_is_found_from_any_folder_below(variables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (variables / "mine.yaml").write_bytes(EMBEDDED.read_bytes())
    below = variables.parent / "suites" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find("mine") == variables / "mine.yaml"
    assert known_targets()[:2] == ["docker", "embedded"]
    assert "mine" in known_targets()
    assert find("../../variables/mine.yaml").samefile(variables / "mine.yaml")


def test_a_target_that_is_not_there_is_told_with_those_that_are(variables: Path) -> None:
    (variables / "staging.yaml").write_text("name: staging\n")
    told = []
    for name in ("embeded", "nothing/there.yaml", "there.yml", "", "  "):
        with pytest.raises(TargetError) as caught:
            load(name)
        told.append(str(caught.value))
    hidden = {str(variables.parent): "<folder>", str(EMBEDDED.parent.parent): "<project>"}
    others = [name for name in known_targets() if name not in ("embedded", "staging")]
    text = "\n".join(told).replace("".join(f", {name}" for name in others), "")
    approve("target-missing", text, hide=hidden)


def test_the_embedded_target_away_from_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "_PROJECT", tmp_path)  # so it is where the kit was installed as a wheel
    with pytest.raises(TargetError) as caught:
        load("embedded")
    approve("target-embedded-missing", str(caught.value), hide={str(tmp_path): "<folder>"})


def test_a_file_that_is_no_yaml_is_told_by_its_line(variables: Path) -> None:
    told = [
        refused("name: mine\ntitle: [a\nstack:\n", variables),
        refused("name: mine\n\ttitle: x\n", variables),
        refused("name: 'mine\n", variables),
        refused("", variables),
        refused("# nothing\n", variables),
        refused("- a\n- b\n", variables),
        refused("name: \x00\n", variables),
        refused("name: !!python/object:os.system x\n", variables),
        refused("a: *nowhere\n", variables),
        refused("a: 2026-13-01\n", variables),
        refused("? [a, b]\n: c\n", variables),
        refused("a: 1\n---\nb: 2\n", variables),
    ]
    (variables / "mine.yaml").write_bytes(b"name: \xff\n")
    with pytest.raises(TargetError) as caught:
        load("mine")
    told.append(str(caught.value))
    approve("target-not-yaml", "\n".join(told))


def test_a_key_that_is_there_twice_is_refused(variables: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace(
        "  protocol: binance", "  protocol: binance\n  protocol: ssi"
    )
    approve("target-key-twice", refused(text, variables))


WRONG = {
    "unknown keys": {"hops.kafka.topik": "x", "stak": {}, "domain.symbol": ["BTCUSDT"]},
    "an unknown key far from all": {"zzz": 1},
    "missing keys": {"name": ..., "hops.kafka.topic": ..., "domain.price_scale": ...},
    "wrong types": {
        "domain.price_scale": "eight",
        "domain.max_per_second": 1.5,
        "hops.kafka.topic": 7,
        "capabilities": "kafka",
        "hops.kafka.keeps_text": "yes",
        "title": None,
    },
    "not a group": {"hops.kafka.dead_letters": "x", "stack": []},
    "values that are not allowed": {
        "stack.driver": "docker-compose",
        "hops.kafka.guarantee": "exactly_once",
        "hops.kafka.format": "protobuf",
        "capabilities.0": "kafkaa",
        "hops.kafka.columns.symbol": "string",
    },
    "numbers out of range": {
        "domain.price_scale": 19,
        "domain.integer_digits": 0,
        "domain.max_per_second": -1,
    },
    "a bad name": {"name": "My Target!"},
    "symbols": {"domain.symbols": ["BTCUSDT", "ethbtc", "BTCUSDT"]},
    "symbols twice": {"domain.symbols": ["BTCUSDT", "BTCUSDT"]},
    "no symbols": {"domain.symbols": []},
    "a local stack without a compose file": {"stack.compose": ...},
    "a capability without its key": {"faults": {}},
    "a key without its capability": {"capabilities": ["kafka", "lake", "api"]},
    "a pattern without a group": {"hops.api.keys.default.pattern": "abc"},
    "a pattern that is none": {"hops.api.keys.default.pattern": "(abc"},
    "keys without header": {"hops.api.key_header": ...},
    "a secret in the file": {"hops.api.keys.default": "hidden"},
    "a known issue": {"known_issues": [{"test": "x", "pattern": "y", "ticket": "T-1", "expires": "soon"}]},
    "a key that is no column": {"hops.kafka.key": "sym"},
    "a mapping that is no projection": {"hops.kafka.mapping": "SELECT symbol FROM rows WHERE true"},
    "a mapping with wrong columns": {"hops.api.mapping": "SELECT symbol, trade_ID AS id FROM rows"},
    "a mapping of a column that is not there": {"hops.api.mapping": "SELECT sym AS symbol FROM rows"},
    "SQL that is none": {"hops.kafka.mapping": "SELEC symbol FROM rows"},
    "times that are none": {"waits": {"within": "0 s", "stalled_after": 20}, "hops.api.retry_within": "soon"},
    "many faults": {f"key{n}": 1 for n in range(12)},
}


def test_each_fault_is_one_sentence_with_file_key_found_and_allowed(variables: Path) -> None:
    told = []
    for what, changes in WRONG.items():
        tree = data()
        for path, value in changes.items():
            if path == "capabilities.0":
                tree["capabilities"][0] = value
            else:
                set_at(tree, path, value)
        told.append(f"-- {what}\n{refused(yaml.safe_dump(tree, sort_keys=False), variables)}")
    approve("target-wrong", "\n".join(told))


def test_a_stranger_fits_into_the_form(variables: Path) -> None:
    """An attached platform with one hop, a row domain of its own and a known issue."""
    tree = data()
    tree |= {
        "name": "stranger",
        "stack": {"driver": "attach"},
        "hops": {"kafka": tree["hops"]["kafka"]},
        "capabilities": ["kafka", "dead-letters", "gap-reports"],
        "faults": {},
        "known_issues": [{"test": "A *", "pattern": "lost", "ticket": "T-1", "expires": "2030-01-31"}],
    }
    tree["domain"] |= {"symbols": ["BTCUSDT", "ETHUSDT"], "price_scale": 8, "event_time_unit": "ms"}
    tree["hops"]["kafka"]["properties"] = {
        "sasl.password": {"variable": "KAFKA_PASSWORD"},
        "sasl.username": "me",
    }
    tree["hops"]["kafka"]["columns"]["price"] = "number"
    (variables / "stranger.yaml").write_text(yaml.safe_dump(tree))
    loaded = target.load("stranger")
    assert loaded.compose_file is None
    assert loaded.known_issues[0].expires.year == 2030
    assert not loaded.can("lake")


def test_waits_are_as_the_file_says_or_as_usual(variables: Path) -> None:
    tree = data()
    tree["waits"] = {"within": "2 min", "stalled_after": "500 ms"}
    del tree["hops"]["api"]["follows_within"]
    (variables / "mine.yaml").write_text(yaml.safe_dump(tree))
    loaded = load("mine")
    assert (loaded.waits.within, loaded.waits.stalled_after) == (timedelta(minutes=2), timedelta(seconds=0.5))
    assert loaded.hops.api is not None
    assert loaded.hops.api.follows_within is None
    names = ["KAFKA_PORT", "API_PORT", "FEED_PORT", "WRITER_PORT", "STATE_DIR"]
    resolved = loaded.resolve(dict.fromkeys(names, "1")).hops.api
    assert resolved is not None
    assert resolved.retry_within == loaded.hops.api.retry_within == timedelta(seconds=60)
    del tree["waits"]
    (variables / "mine.yaml").write_text(yaml.safe_dump(tree))
    usual = load("mine").waits
    assert (usual.within, usual.stalled_after) == (timedelta(seconds=60), timedelta(seconds=20))
