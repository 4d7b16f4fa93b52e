"""The commands that change a running mmx, against a daemon that says what the test says."""

from pathlib import Path
from typing import Any

import pytest

from mmx.cli import main
from tests.tools.control_server import ControlServer
from tests.tools.test_control_client import place

__all__ = ["place"]
pytestmark = pytest.mark.usefixtures("logger_restored")
OUT = {"child": "scanner", "until": None}


def run(server: ControlServer, *arguments: str) -> int:
    verb, *rest = arguments
    with server.running():
        return main([verb, "--socket", str(server.path), *rest])


@pytest.mark.parametrize(
    ("arguments", "request_", "answer", "said"),
    [
        (
            ["disable", "scanner"],
            {"do": "disable", "child": "scanner", "seconds": None},
            OUT,
            "scanner is disabled until the next reload: new messages pass without it\n",
        ),
        (
            ["disable", "--for", "10m", "scanner"],
            {"do": "disable", "child": "scanner", "seconds": 600.0},
            {**OUT, "until": 1_800_000_000.0},
            "scanner is disabled until 2027-01-1",
        ),
        (
            ["enable", "scanner"],
            {"do": "enable", "child": "scanner"},
            {"child": "scanner", "was_out": True},
            "scanner is enabled again\n",
        ),
        (
            ["enable", "scanner"],
            {"do": "enable", "child": "scanner"},
            {"child": "scanner", "was_out": False},
            "scanner is enabled already\n",
        ),
        (
            ["drain", "scanner", "--wait", "5s"],
            {"do": "drain", "child": "scanner", "seconds": None, "wait": 5.0},
            {**OUT, "messages": 0},
            "scanner is drained until the next reload: no message with it is under way\n",
        ),
        (
            ["reload"],
            {"do": "reload"},
            {"status": 0, "changes": ["child a added"], "problems": [], "warnings": []},
            "reloaded: child a added\n",
        ),
    ],
)
def test_what_is_asked_and_told(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    request_: dict[str, Any],
    answer: object,
    said: str,
) -> None:
    server = ControlServer(place, [{"result": answer}])
    assert run(server, *arguments) == 0
    assert server.requests == [request_]
    captured = capsys.readouterr()
    assert captured.out.startswith(said)
    assert captured.err == ""


def test_a_reload_that_fails(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = {"status": 78, "changes": ["the settings are wrong"], "problems": ["a:1: x", "a:2: y"]}
    assert run(ControlServer(place, [{"result": {**outcome, "warnings": []}}]), "reload") == 78
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["a:1: x", "a:2: y", "the settings are wrong"]
    assert captured.out == ""


def test_a_drain_that_is_not_done(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = [{"event": {"messages": 3}}, {"result": {**OUT, "messages": 2}}]
    assert run(ControlServer(place, answer), "drain", "scanner") == 75
    error = capsys.readouterr().err
    assert error.startswith("waiting for 3 messages\nscanner is out of the chain, and 2 messages")


def test_a_refusal(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = [{"error": "no child of that name is in the chain; known are a", "status": 64}]
    assert run(ControlServer(place, answer), "disable", "b") == 64
    assert capsys.readouterr().err == "no child of that name is in the chain; known are a\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["disable"], "required: CHILD"),
        (["disable", "a", "--for", "10"], "10: "),
        (["enable", "a", "--for", "10m"], "unrecognized arguments"),
        (["reload", "a"], "unrecognized arguments: a"),
        (["drain", "a", "--wa", "1s"], "unrecognized arguments"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 64
    assert said in capsys.readouterr().err
