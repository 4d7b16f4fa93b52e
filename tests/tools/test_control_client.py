"""The client's end: where the socket is, and what is said when it does not answer as it should."""

import argparse
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmx.cli import main
from mmx.errors import MmxError, UnavailableError
from mmx.tools import control_client as module
from mmx.tools.control_client import ask, parser_for_daemon, socket_path
from tests.tools.control_server import HELLO, ControlServer


@pytest.fixture
def place() -> Iterator[Path]:
    """A path that is short enough for a socket."""
    directory = Path(tempfile.mkdtemp(prefix="mmx-"))
    yield directory / "control.sock"
    shutil.rmtree(directory)


def options(*arguments: str) -> argparse.Namespace:
    return parser_for_daemon("status", "", []).parse_args(arguments)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "/run/mmx/control.sock"),
        ("control_socket: /run/x.sock\n", "/run/x.sock"),
        ("control_socket: unix:/run/x.sock\nno_such_key: 1\n", "/run/x.sock"),
        ("control_socket: x.sock\n", "/run/mmx/control.sock"),
        ("{", "/run/mmx/control.sock"),
    ],
)
def test_where_the_socket_is(tmp_path: Path, text: str, path: str) -> None:
    file = tmp_path / "mmx.yaml"
    file.write_text(text)
    assert socket_path(options("--config", str(file))) == path
    assert socket_path(options("--config", str(file), "--socket", "/run/y")) == "/run/y"


def test_without_a_settings_file(tmp_path: Path) -> None:
    assert socket_path(options("--config", str(tmp_path / "none.yaml"))) == "/run/mmx/control.sock"


def test_a_drop_in_may_say_it(tmp_path: Path) -> None:
    (tmp_path / "mmx.yaml").write_text("control_socket: /run/a")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "x.yaml").write_text("control_socket: null")
    with pytest.raises(UnavailableError, match="control_socket: null"):
        socket_path(options("--config", str(tmp_path / "mmx.yaml")))


def test_events_then_the_result(place: Path) -> None:
    answer = [{"event": 1}, {"event": "two"}, {"result": {"three": 3}}]
    heard: list[Any] = []
    with ControlServer(place, answer).running() as server:
        assert ask(str(place), {"do": "it"}, heard.append) == {"three": 3}
    assert heard == [1, "two"]
    assert server.requests == [{"do": "it"}]


def failure(path: Path) -> tuple[int, str]:
    with pytest.raises(MmxError) as caught:
        ask(str(path), {"do": "it"})
    return caught.value.exit_code, str(caught.value)


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ([{"error": "not now", "status": 75}], 75, "not now"),
        ([{"error": "you may not", "status": 77}], 77, "you may not; try sudo"),
        ([{"error": "x", "status": "?"}], 69, "x"),
        ([{}], 69, "an answer that is none"),
        ([], 69, "closed the connection"),
        ([b"half a li"], 69, "is not mmx, or one of another version"),
        ([b"[]\n"], 69, "is not mmx, or one of another version"),
    ],
)
def test_answers_that_are_none(place: Path, answer: list[Any], status: int, said: str) -> None:
    with ControlServer(place, answer).running():
        code, text = failure(place)
    assert code == status
    assert said in text


@pytest.mark.parametrize(
    ("hello", "said"),
    [
        ({**HELLO, "protocol": 2, "mmx": "9.1"}, "mmx 9.1 at"),
        ({}, "mmx of unknown version at"),
        (b"220 mx.example.org ESMTP\r\n", "is not mmx"),
    ],
)
def test_another_version_or_program(place: Path, hello: object, said: str) -> None:
    server = ControlServer(place, [])
    server.hello = hello
    with server.running():
        code, text = failure(place)
    assert code == 69
    assert said in text


def test_nobody_is_there(place: Path) -> None:
    code, text = failure(place)
    assert code == 69
    assert f"there is no control socket {place}: mmx does not run" in text
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))
    assert "nobody answers" in failure(place)[1]


def test_it_hangs(place: Path, monkeypatch: pytest.MonkeyPatch, time_unit: float) -> None:
    monkeypatch.setattr(module, "ANSWER_TIME", 0.05 * time_unit)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(place))
        deaf.listen()
        code, text = failure(place)
    assert code == 69
    assert "does not answer" in text


def test_somebody_who_may_not(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", lambda *_: Refusing(connect))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    code, text = failure(place)
    assert code == 77
    assert text == f"only root and the user of mmx may use {place}, and you are uid 1000: try sudo"


class Refusing:
    """A socket that may not be connected."""

    def __init__(self, connect: Any) -> None:
        self.connect = connect

    def settimeout(self, seconds: float) -> None: ...

    def close(self) -> None: ...


def test_the_settings_of_the_daemon_that_runs(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mmx.yaml"
    file.write_text(f"control_socket: {place}\nname_in_reply: no\n")
    answer = [{"result": {"pid": 4711, "text": "name_in_reply: true\n", "json": '{"settings": {}}\n'}}]
    with ControlServer(place, answer, answer).running() as server:
        arguments = ["--config", str(file), "--show-config", "--running"]
        assert main(arguments) == 0
        first, text = capsys.readouterr().out.splitlines()
        assert first == f"# In force in the mmx that runs with pid 4711, asked at {place}."
        assert text == "name_in_reply: true"
        assert main([*arguments, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"settings": {}}
    assert server.requests == [{"do": "config"}] * 2
    assert main(arguments) == 69
    assert "nobody answers" in capsys.readouterr().err
