"""`mmx trace` against a daemon that says what the test says."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from mmx.cli import main
from mmx.wire import command, reply
from mmx.wire.framing import frame
from tests.tools.control_server import ControlServer
from tests.tools.test_control_client import place

__all__ = ["place"]
pytestmark = pytest.mark.usefixtures("logger_restored")
MAIL = frame(command.MAIL, b"<s@example.net>\0")
NO = frame(reply.REPLYCODE, b"550 5.7.1 \x1b]0;no\0")


def event(
    what: str, child: str = "", received: bytes = b"", text: str = "", at: float = 1.5
) -> dict[str, Any]:
    said: dict[str, Any] = {"at": at, "session": "1f00c3a7", "child": child, "what": what}
    if received:
        said |= {"data": base64.b64encode(received).decode(), "left_out": 0}
    return said | ({"text": text} if text else {})


EVENTS = [
    event("begin"),
    event("in", "", MAIL),
    event("dial", "scanner", text="unix:/run/x"),
    event("up", "scanner"),
    event("out", "scanner", MAIL),
    event("in", "scanner", NO),
    event("lost", "scanner", text="eof: closed\x1b[2J"),
    event("out", "", NO),
    {"lost": 12},
    event("verdict", text="reject by scanner"),
    event("end"),
]


def lines_of(place: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    answer = [*({"event": one} for one in EVENTS), {"result": None}]
    with ControlServer(place, answer).running() as server:
        assert main(["trace", "--socket", str(place), *arguments]) == 0
    (request,) = server.requests
    assert request["do"] == "trace"
    return capsys.readouterr().out.splitlines()


def test_a_ladder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.partition(".500000 1f00c3a7 ")[2] or line for line in lines_of(place, capsys)]
    assert [" ".join(line.split()) for line in lines] == [
        "Postfix -- mmx (connected)",
        "Postfix -> mmx MAIL <s@example.net>",
        "mmx -> scanner (connecting to unix:/run/x)",
        "mmx <- scanner (connected)",
        "mmx -> scanner MAIL <s@example.net>",
        "mmx <- scanner REPLYCODE 550 5.7.1 \\x1b]0;no",
        "mmx -- scanner (connection lost, eof: closed\\x1b[2J)",
        "Postfix <- mmx REPLYCODE 550 5.7.1 \\x1b]0;no",
        "... 12 events lost: this end did not read them in time",
        "Postfix -- mmx (message: reject by scanner)",
        "Postfix -- mmx (session over)",
    ]
    starts = {line.index("mmx") for line in lines if "mmx" in line}
    assert starts == {11}, "mmx stands in one column"


def test_as_objects(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = [json.loads(line) for line in lines_of(place, capsys, "--json")]
    shapes = [one.pop("shape", None) for one in objects]
    assert objects == EVENTS
    assert shapes[1] == "MAIL <s@example.net>"
    assert shapes[5] == "REPLYCODE 550 5.7.1 \\x1b]0;no"
    assert base64.b64decode(objects[1]["data"]) == MAIL


def test_what_is_asked_for(place: Path) -> None:
    arguments = [
        "--client",
        "192.0.2.0/24",
        "--queue-id",
        "4X",
        "--child",
        "a",
        "--count",
        "2",
        "--bodies",
        "9",
    ]
    with ControlServer(place, [{"result": None}]).running() as server:
        assert main(["trace", "--socket", str(place), *arguments]) == 0
    assert server.requests == [
        {"do": "trace", "client": "192.0.2.0/24", "queue_id": "4X", "child": "a", "count": 2, "body": 9}
    ]
