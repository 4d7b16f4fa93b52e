"""`mmx status` and `mmx sessions` as text and as JSON."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mmx.cli import main
from mmx.observe.status import DISABLED, UP, ChildStatus, Status
from mmx.observe.status_json import as_json
from mmx.tools import status as module
from mmx.tools.status import status_text
from tests.observe import example
from tests.tools.control_server import ControlServer
from tests.tools.test_control_client import place

__all__ = ["place"]
pytestmark = pytest.mark.usefixtures("logger_restored")
SESSION = {
    "name": "1f00c3a7",
    "client": "mail.example.net[192.0.2.7]",
    "stage": "content",
    "queue_id": "4XyZ12",
    "age": 61.0,
    "message_age": 2.0,
    "waits_for": [["scanner", 1.5]],
}


def test_the_text_tells_all_of_a_busy_host() -> None:
    status = example.status()
    text = status_text(status)
    assert text.isascii()
    for child in status.children:
        assert f"\n{child.name} " in text
        assert child.endpoint in text
    assert "clamav-milter has been down for" in text
    assert "The last reload failed" in text
    assert f"{status.session_count} of {status.max_sessions} (" in text
    assert "failed at EOM (timeout: no answer within 240 s), default action tempfail" in text
    assert "p95" in text


def test_the_text_of_a_host_where_nothing_has_happened() -> None:
    text = status_text(Status(100.0, 40.0, "0.1.0"))
    assert "none yet" in text
    assert "(1 min)" in text


def test_children_that_somebody_took_out() -> None:
    out = ChildStatus("a", "unix:/a", state=DISABLED, why="disabled by root (uid 0)", since=100.0)
    text = status_text(Status(100.0, 40.0, "0.1.0", children=(out, replace(out, name="b", until=200.0))))
    assert "disabled until reload" in text
    assert "b      disabled until " in text
    assert "a: disabled by root (uid 0), " in text


def test_a_child_that_only_observes() -> None:
    child = ChildStatus("a", "unix:/a", state=UP, observes=True)
    assert "a      up, observes  " in status_text(Status(100.0, 40.0, "0.1.0", children=(child,)))


def test_status_of_a_daemon(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = as_json(example.status())
    with ControlServer(place, [{"result": tree}], [{"result": tree}]).running() as server:
        assert main(["status", "--socket", str(place)]) == 0
        assert "clamav-milter has been down" in capsys.readouterr().out
        assert main(["status", "--socket", str(place), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(tree))
    assert server.requests == [{"do": "status"}] * 2


def test_watching_ends_with_an_interrupt(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "time", type("Clock", (), {"sleep": staticmethod(sleep)}))
    tree = as_json(Status(time.time(), 0.0, "0.1.0"))
    with ControlServer(place, *([{"result": tree}] for _ in range(3))).running():
        assert main(["status", "--socket", str(place), "--watch", "0.5"]) == 0
    assert slept == [0.5] * 3
    assert capsys.readouterr().out.count("mmx        0.1.0") == 3


def test_sessions(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = [{"event": SESSION}, {"result": {"open": 7, "most": 100}}]
    with ControlServer(place, answer, answer, answer[1:]).running() as server:
        assert main(["sessions", "--socket", str(place), "--count", "1"]) == 0
        head, line, last = capsys.readouterr().out.splitlines()
        assert head.split() == ["session", "age", "stage", "queue", "id", "client", "waits", "for"]
        assert line.startswith("1f00c3a7  1 min 1 s  content  4XyZ12")
        assert line.endswith("scanner (1.5 s)")
        assert last == "7 sessions open, 100 at most"
        assert main(["sessions", "--socket", str(place), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == SESSION
        assert main(["sessions", "--socket", str(place)]) == 0
        assert capsys.readouterr().out == "7 sessions open, 100 at most\n"
    assert server.requests[0] == {"do": "sessions", "count": 1}


@pytest.mark.parametrize("wrong", ["0", "x", "-1", "1e9"])
def test_watching_at_no_sensible_pace(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["status", f"--watch={wrong}"])
    assert caught.value.code == 64
    assert "not a number of seconds" in capsys.readouterr().err
