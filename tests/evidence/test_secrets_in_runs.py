"""No secret stays in what a run writes; one that got there makes the run red."""

import base64
from pathlib import Path

import pytest
from evidence.runs import RunRobot

SECRET = 's3cr&t "k€y"/42'
VARIABLES = """
*** Variables ***
${KEY: Secret}    %{TOY_KEY}
"""


def without(folder_text: str) -> bool:
    shifted = [base64.b64encode(b"me:" + SECRET.encode()).decode()[4:-4]]
    return not any(form in folder_text for form in [SECRET, "s3cr&amp;t", "s3cr%26t", *shifted])


def test_messages_and_arguments_of_every_library_are_redacted(
    run_robot: RunRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_KEY", SECRET)
    ended = run_robot(
        VARIABLES
        + f"""
*** Test Cases ***
Speaks
    Log In    ${{KEY}}
    Log    {SECRET}    html=True
    Run Keyword And Expect Error    *    Things Should Be    1    {SECRET}
    VAR    ${{copy}}    {SECRET}
    IF    $KEY.value == 'x'    Fail
    Things Should Be    {SECRET}    {SECRET}
Fails
    Fail    {SECRET} is wrong
""",
        "--xunit",
        "xunit.xml",
        "--loglevel",
        "TRACE",
    )
    assert ended.code == 1, ended.stdout + ended.stderr
    assert ended.tests["Fails"].message == "<secret> is wrong"
    for path in ended.folder.iterdir():
        assert without(path.read_text()), path


def test_a_planted_secret_is_overwritten_and_makes_the_run_red(
    run_robot: RunRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_KEY", SECRET)
    ended = run_robot(
        VARIABLES
        + """
*** Test Cases ***
Leaks
    [Documentation]    Holds ${KEY.value} for all to see.
    Leave    ${KEY}    evidence.txt
    Things Should Be    1    1
"""
    )
    assert ended.code == 1
    assert ended.tests["Leaks"].passed
    verdict = ended.tests["The Output Holds No Secret"]
    assert verdict.failed
    assert verdict.message == (
        "No secret should be in the output, but ${KEY} stood in evidence.txt, output.xml (2 times);"
        " it was overwritten."
    )
    assert ended.text("evidence.txt") == f"a {'*' * len(SECRET.encode())} z"
    assert without(ended.text("output.xml"))
    assert without(ended.text("log.html"))
    assert "The Output Holds No Secret" in ended.text("log.html")
    assert "No secret should be in the output" in ended.stderr


def test_a_secret_written_after_the_log_makes_the_run_red_too(
    run_robot: RunRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_KEY", SECRET)
    ended = run_robot(
        VARIABLES
        + """
*** Test Cases ***
Leaks Late
    Leave Late    ${KEY}
    Things Should Be    1    1
"""
    )
    assert ended.code == 249
    assert without(ended.text("late.txt"))
    assert (
        "[ ERROR ] No secret should be in the output, but ${KEY} stood in late.txt (1 times)" in ended.stderr
    )


def test_files_of_robot_that_lie_elsewhere_are_looked_at_too(
    run_robot: RunRobot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOY_KEY", SECRET)
    (tmp_path / "elsewhere").mkdir()
    files = {
        name: tmp_path / "elsewhere" / file
        for name, file in {
            "output": "o.xml", "log": "l.html", "report": "r.html", "xunit": "x.xml", "debugfile": "d.txt",
        }.items()
    }  # fmt: skip
    ended = run_robot(
        VARIABLES
        + """
*** Test Cases ***
Leaks
    [Documentation]    Holds ${KEY.value} for all to see.
    [Tags]    ${KEY.value}
    Things Should Be    1    1
    [Teardown]    To Debug File
Leaks By Its Name ${KEY.value}
    Things Should Be    1    1

*** Keywords ***
To Debug File
    Evaluate    pathlib.Path($DEBUG_FILE).open("a").write($KEY.value)
""",
        *[word for name, path in files.items() for word in (f"--{name}", str(path))],
    )
    assert ended.code == 1
    for path in files.values():
        assert without(path.read_text()), path
    assert f"stood in {files['debugfile']}, {files['output']} (" in ended.stderr


def test_parts_of_a_log_that_lies_elsewhere_are_looked_at_too(
    run_robot: RunRobot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOY_KEY", SECRET)
    (tmp_path / "elsewhere").mkdir()
    log = tmp_path / "elsewhere" / "l.html"
    ended = run_robot(
        VARIABLES + "*** Test Cases ***\nLeaks Late\n    Leave Beside Log    ${KEY}    l-7.js\n"
        "    Things Should Be    1    1\n",
        "--log",
        str(log),
        "--splitlog",
    )
    assert ended.code == 249
    assert log.exists()
    assert without((tmp_path / "elsewhere" / "l-7.js").read_text())


def test_a_secret_too_short_to_find_is_told(run_robot: RunRobot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_KEY", "abc")
    ended = run_robot(VARIABLES + "*** Test Cases ***\nShort\n    Things Should Be    1    1\n")
    assert ended.code == 0
    assert "Secret ${KEY} has fewer than 6 letters, so it cannot be kept out of a log." in ended.stderr
