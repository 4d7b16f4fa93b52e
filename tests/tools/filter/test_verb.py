"""The command `mmx filter`: its lines, its socket, and its ends."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mmx import cli
from mmx.errors import EX_CONFIG, EX_INTERRUPTED, EX_OK, EX_UNAVAILABLE, EX_USAGE
from mmx.settings.endpoint import parse_endpoint
from mmx.tools.filter.script import Rule
from mmx.tools.filter.session import ACT, BEGIN, END, IN, LISTENING, OUT, Happening
from mmx.tools.filter.verb import as_object, line
from mmx.tools.mta.dialogue import Terms
from mmx.tools.mta.link import MilterLostError
from mmx.tools.mta.mta import Mta
from mmx.wire import command, reply
from mmx.wire.framing import frame
from tests.aio.peers import BOUND
from tests.tools.mta_peers import CLIENT, MESSAGE, envelope

RULE = Rule(3, 12, frozenset({command.MAIL}), ())
REFUSE = "rules: [{at: eom, do: {reply: '550 5.7.1 No'}}]"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(REFUSE)
    return path


def listens(at: Path) -> bool:
    """Whether connections are taken there: a socket has its name a moment before."""
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    return any(row[-1] == str(at) and row[3] == "00010000" for row in rows)


@contextmanager
def started(script: Path, at: Path | str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, once it listens."""
    endpoint = at if isinstance(at, str) else f"unix:{at}"
    arguments = [sys.executable, "-m", "mmx", "filter", str(script), "--listen", endpoint, *options]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            if "--quiet" in options and isinstance(at, Path):
                limit = time.monotonic() + BOUND
                while not listens(at):
                    assert time.monotonic() < limit
                    time.sleep(0.005)
            else:
                assert "listening" in process.stdout.readline()
            yield process
        finally:
            process.kill()


def deliver(at: Path | str) -> str:
    endpoint = parse_endpoint(at if isinstance(at, str) else f"unix:{at}")

    async def one() -> str:
        mta = await Mta.connect("filter", endpoint, CLIENT, Terms())
        await mta.open()
        outcome = await mta.deliver(envelope(), MESSAGE)
        mta.quit()
        return outcome.verdict

    return asyncio.run(one())


@pytest.mark.parametrize(
    ("happening", "told"),
    [
        (Happening(0, 0, LISTENING, text="unix:/s"), "listening on unix:/s"),
        (Happening(1, 0, BEGIN), "1    connected"),
        (Happening(1, 1, IN, frame(command.MAIL, b"<a@b.c>\0")), "1    MAIL <a@b.c>"),
        (Happening(1, 1, IN, frame(command.MAIL, b"\x1b[2J\0")), r"1    MAIL \x1b[2J"),
        (
            Happening(1, 1, IN, frame(command.RCPT, b"a"), "no NUL"),
            "1    RCPT a (string without its NUL) (no NUL)",
        ),
        (Happening(1, 1, OUT, frame(reply.REJECT), rule=RULE), "1    -> REJECT (line 12)"),
        (Happening(12, 1, ACT, text="waits 2 s", rule=RULE), "12   -- waits 2 s (line 12)"),
        (Happening(1, 1, END, text="\x07"), r"1    session over: \x07"),
    ],
)
def test_lines(happening: Happening, told: str) -> None:
    at, _, rest = line(happening).partition(" ")
    assert rest == told
    assert len(at) == len("16:40:01.000123")


def test_objects() -> None:
    said: dict[str, Any] = json.loads(as_object(Happening(1, 2, OUT, frame(reply.REJECT), rule=RULE)))
    assert said.pop("at") > 0
    assert said == {
        "session": 1,
        "message": 2,
        "what": "out",
        "shape": "REJECT",
        "data": "AAAAAXI=",
        "rule": 3,
        "line": 12,
    }
    assert json.loads(as_object(Happening(1, 2, END, text="bye")))["text"] == "bye"


def test_it_tells_what_it_sees_and_ends_after_its_sessions(script: Path, tmp_path: Path) -> None:
    at = tmp_path / "sock"
    with started(script, at, "--json", "--sessions", "1", "--mode", "0600") as process:
        assert stat.S_IMODE(at.stat().st_mode) == 0o600
        assert deliver(at) == "reject"
        out, err = process.communicate(timeout=BOUND)
    shapes = [json.loads(told).get("shape", "") for told in out.splitlines()]
    assert "MAIL <a@example.net>" in shapes
    assert "REPLYCODE 550 5.7.1 No" in shapes
    assert (process.returncode, err) == (EX_OK, "")
    assert not at.exists()


def test_it_listens_on_tcp(script: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = f"inet:127.0.0.1:{free.getsockname()[1]}"
    with started(script, at):
        assert deliver(at) == "reject"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["unix:{}/none/sock"], "create {}/none, or set --listen to another path"),
        (["unix:{}/sock", "--group", "no-such-group"], "there is no such group; set --group"),
        (["unix:{}/s.yaml"], "it is no socket; remove it, or set --listen to another path"),
    ],
)
def test_it_cannot_listen(
    script: Path, tmp_path: Path, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [option.format(tmp_path) for option in options]
    assert cli.main(["filter", str(script), "--listen", *words]) == EX_UNAVAILABLE
    assert complaint.format(tmp_path) in capsys.readouterr().err
    assert script.read_text() == REFUSE


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, EX_OK), (signal.SIGINT, EX_INTERRUPTED)])
def test_it_ends_cleanly_when_it_is_told_to(script: Path, tmp_path: Path, number: int, code: int) -> None:
    at = tmp_path / "sock"
    with started(script, at, "--quiet") as process:
        assert deliver(at) == "reject"
        os.kill(process.pid, number)
        assert process.communicate(timeout=BOUND) == ("", "")
    assert process.returncode == code
    assert not at.exists()


def test_it_ends_cleanly_when_nobody_reads_it(script: Path, tmp_path: Path) -> None:
    at = tmp_path / "sock"
    with started(script, at) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        with pytest.raises(MilterLostError):
            deliver(at)
        assert process.stderr.read() == ""
        assert process.wait(BOUND) == EX_OK
    assert not at.exists()


def test_it_takes_no_socket_away(script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = tmp_path / "sock"
    with started(script, at, "--quiet"):
        assert cli.main(["filter", str(script), "--listen", f"unix:{at}"]) == EX_UNAVAILABLE
        assert "another program listens there" in capsys.readouterr().err
        assert deliver(at) == "reject"


def test_a_script_is_checked(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["filter", str(script), "--check"]) == EX_OK
    assert capsys.readouterr().out == f"{script}: valid, rules: 1\n"
    script.write_text("negotiate: {actions: none}\nrules: [{at: eom, do: {quarantine: why}}]")
    assert cli.main(["filter", str(script), "--check"]) == EX_OK
    assert capsys.readouterr().err.startswith(f"warning: {script}:1: negotiate.actions: the rules need")
    script.write_text("rules: [{at: eom, do: bounce}]\nrulez: 1")
    assert cli.main(["filter", str(script), "--check"]) == EX_CONFIG
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: SCRIPT.yaml"),
        (["s.yaml"], "one of the arguments --listen --check is required"),
        (["s.yaml", "--listen", "tcp:1"], "argument --listen: tcp:1: tcp: is not a word for endpoints"),
        (["s.yaml", "--listen", "unix:/s", "--mode", "9"], "argument --mode: 9: no file mode"),
        (["s.yaml", "--listen", "unix:/s", "--sessions", "0"], "0: write a number from 1 to"),
        (["s.yaml", "--listen", "unix:/s", "--json", "--quiet"], "not allowed with argument --json"),
    ],
)
def test_wrong_arguments(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["filter", *arguments])
    assert ended.value.code == EX_USAGE
    told = capsys.readouterr().err
    assert complaint in told
    assert told.endswith("see mmx filter --help\n")
