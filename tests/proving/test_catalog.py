"""What can be planted is asked of the platform's own command, and what it says is not believed blindly."""

import sys
from pathlib import Path

import pytest
from messages.approved import approve
from tickproof import target
from tickproof.proving.catalog import CatalogError, Planted, chosen, of_platform, of_seams, sample
from tickproof.target import Target

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def embedded() -> Target:
    return target.load("embedded")


def asking(embedded: Target, code: str) -> Target:
    assert embedded.defects is not None
    command = embedded.defects.model_copy(update={"command": ("python", "-c", code)})
    return embedded.model_copy(update={"defects": command})


def test_the_reference_platform_tells_its_catalog(embedded: Target) -> None:
    catalog = of_platform(embedded)
    assert len(catalog) >= 50
    assert len({planted.family for planted in catalog}) >= 12
    for planted in catalog:
        for file in planted.files:
            assert (ROOT / file).exists()


def test_what_is_no_catalog_is_told_in_a_sentence(embedded: Target) -> None:
    said = []
    for code in (
        "print('hello')",
        "print('[]]')",
        "print('{\"id\": 1}')",
        "import json; print(json.dumps([{'id': 'X', 'kills': []}]))",
        "import sys; print('no such thing', file=sys.stderr); sys.exit(3)",
        "raise SystemExit",
    ):
        with pytest.raises(CatalogError) as error:
            of_platform(asking(embedded, code))
        said.append(str(error.value))
    without = embedded.model_copy(update={"defects": None})
    with pytest.raises(CatalogError) as error:
        of_platform(without)
    said.append(str(error.value))
    approve("defects-no-catalog", "\n".join(said), hide={sys.executable: "PYTHON"})


def planted(name: str, family: str, *files: str, kills: str = "A.B.C", own: bool = False) -> Planted:
    return Planted(name, family, "x.", name.partition("-")[0], (kills,), "x", own_stack=own, files=files)


CATALOG = [
    planted("feed-a", "loss", "tickerplant/defects/feed/a.py", "tickerplant/feed/", own=True),
    planted("feed-b", "loss", "tickerplant/defects/feed/b.py", "tickerplant/feed/"),
    planted(
        "api-c", "paging", "tickerplant/defects/api/c.py", "tickerplant/api/", kills="Journeys.A Day.Pages"
    ),
    planted("api-d", "paging", "tickerplant/defects/api/d.py", "tickerplant/api/"),
    planted("writer-e", "loss", "tickerplant/defects/writer/e.py", "tickerplant/writer/"),
]


def names(found: list[Planted]) -> list[str]:
    return [each.id for each in found]


def test_ids_and_families_choose() -> None:
    assert names(chosen(CATALOG)) == names(CATALOG)
    assert names(chosen(CATALOG, ["api-c"])) == ["api-c"]
    assert names(chosen(CATALOG, ["api-c"], ["loss"])) == ["feed-a", "feed-b", "api-c", "writer-e"]


def test_what_is_unknown_is_told() -> None:
    said = []
    for ids, families in ((["api-x"], []), (["feed-aa"], []), ([], ["luck"])):
        with pytest.raises(CatalogError) as error:
            chosen(CATALOG, ids, families)
        said.append(str(error.value))
    approve("defects-unknown", "\n".join(said))


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ([], ["feed-b", "api-c"]),
        (["README.md"], ["feed-b", "api-c"]),
        (["tickerplant/defects/api/d.py"], ["feed-b", "api-d"]),
        (["tickerplant/writer/commit.py"], ["api-c", "writer-e"]),
        (["tickerplant/feed/parser.py"], ["feed-b", "api-c", "feed-a"]),
        (["suites/journeys/a_day.robot", "tickerplant/defects/api/d.py"], ["feed-b", "api-c", "api-d"]),
    ],
)
def test_a_sample_has_one_of_each_family_and_all_that_were_touched(
    changed: list[str], wanted: list[str]
) -> None:
    assert names(sample(CATALOG, changed)) == wanted


def test_seams_name_tests_and_need_no_service() -> None:
    assert len(of_seams()) >= 5
    assert all(each.is_seam and not each.own_stack for each in of_seams())
