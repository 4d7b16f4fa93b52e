"""Handshakes of the doctor."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mmx.aio.access import own_account
from mmx.core.plan import ChildPlan
from mmx.tools.check import greeting as check_greeting
from mmx.tools.check.greeting import Greeting, greet
from mmx.wire import command, option, reply
from mmx.wire.framing import frame
from mmx.wire.payload import Options, encode_options

MACROS: dict[int, tuple[bytes, ...]] = {option.STAGE_MAIL: (b"{auth_type}", b"i")}
ANSWER = frame(reply.OPTNEG, encode_options(6, option.ADDHDRS, 0, MACROS))
NEGOTIATED = Options(6, option.ADDHDRS, 0, MACROS)


class Milter:
    """Answers OPTNEG with some bytes, in a thread."""

    def __init__(self, path: Path) -> None:
        self.answers: list[bytes] = [ANSWER]
        self.endpoint = f"unix:{path}"
        self.heard = b""
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._listening.settimeout(10)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            connection, _ = self._listening.accept()
            with connection:
                connection.settimeout(10)
                connection.recv(100)
                for answer in self.answers:
                    connection.sendall(answer)
                self.heard = connection.recv(100)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self.endpoint.removeprefix("unix:"))
        self._thread.join()
        self._listening.close()


@pytest.fixture
def milter(tmp_path: Path) -> Iterator[Milter]:
    milter = Milter(tmp_path / "m")
    yield milter
    milter.close()


def test_what_is_negotiated(milter: Milter) -> None:
    greeting = greet([ChildPlan("a", milter.endpoint)], None)["a"]
    assert (greeting.options, greeting.reason) == (NEGOTIATED, "")
    milter._thread.join()
    assert milter.heard == frame(command.QUIT)


def test_each_has_its_own_outcome(milter: Milter, tmp_path: Path) -> None:
    milter.answers = [b"UNKNOWN COMMAND\n"]
    plans = [ChildPlan("a", milter.endpoint), ChildPlan("b", f"unix:{tmp_path}/none")]
    greetings = greet(plans, None)
    assert {name: greeting.reason for name, greeting in greetings.items()} == {"a": "frame", "b": "missing"}


def test_nobody_to_greet() -> None:
    assert greet([], own_account()) == {}


def test_in_a_process_of_another_user(
    milter: Milter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    became = tmp_path / "became"
    monkeypatch.setattr(check_greeting, "become", lambda account: became.write_text(account.name))
    plans = [ChildPlan("a", milter.endpoint), ChildPlan("b", f"unix:{tmp_path}/none")]
    greetings = greet(plans, own_account())
    assert (greetings["a"].options, greetings["b"].reason) == (NEGOTIATED, "missing")
    assert greetings["a"].seconds > 0
    assert became.read_text() == own_account().name


def test_a_process_that_may_not(milter: Milter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_greeting, "become", lambda _account: os._exit(3))
    greeting = greet([ChildPlan("a", milter.endpoint)], own_account())["a"]
    assert (greeting.options, greeting.reason) == (None, "other")


def test_a_process_that_hangs(milter: Milter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_greeting, "become", lambda _account: threading.Event().wait(60))
    monkeypatch.setattr(check_greeting, "_SPARE", 0.05)
    plan = ChildPlan("a", milter.endpoint, connect_timeout=0.05)
    assert greet([plan], own_account())["a"].reason == "other"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": {"seconds": "x"}}'])
def test_a_process_that_tells_something_else(data: bytes) -> None:
    assert check_greeting._from_json(data) == {}


def test_there_and_back() -> None:
    told = {"a": Greeting(0.5, NEGOTIATED), "b": Greeting(1.0, None, "eof", "closed")}
    assert check_greeting._from_json(check_greeting._to_json(told)) == told
