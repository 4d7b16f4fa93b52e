"""`mmx test` as it is run: output, exit status, and how it ends when it is interrupted or nobody reads."""

import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from mmx.cli import main
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, FrameSplitter, frame
from tests.aio.peers import CONTINUE, NO_ANSWER
from tests.tools.mta_peers import text

pytestmark = pytest.mark.usefixtures("logger_restored")
BOUND = 20.0


class ThreadedMilter:
    """Continues, or answers EOM with what `verdicts` has next; in a thread, one connection at a time."""

    def __init__(self, path: Path, verdicts: Sequence[bytes]) -> None:
        self.endpoint = f"unix:{path}"
        self._verdicts = list(verdicts)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError):
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        splitter = FrameSplitter(1 << 20)
        while data := connection.recv(65536):
            for received in splitter.feed(data):
                connection.sendall(self._answer(received[CODE]))

    def _answer(self, code: int) -> bytes:
        if code == command.OPTNEG:
            return frame(reply.OPTNEG, payload.encode_options(6, option.ALL_ACTIONS, 0, {}))
        if code == command.EOM and self._verdicts:
            return self._verdicts.pop(0)
        return b"" if code in NO_ANSWER else CONTINUE


class Terminal(io.StringIO):
    """Keeps what is written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def milters(tmp_path: Path) -> Iterator[list[ThreadedMilter]]:
    """Those that the test starts."""
    started: list[ThreadedMilter] = []
    yield started
    for milter in started:
        milter.stop()


@pytest.fixture
def box(tmp_path: Path) -> str:
    path = tmp_path / "box"
    path.write_bytes(b"From a Mon\nSubject: one\n\n1\n\nFrom b Tue\nSubject: two\n\n2\n")
    return str(path)


def run(tmp_path: Path, milters: list[ThreadedMilter], *arguments: str, verdicts: Sequence[bytes]) -> int:
    milters.append(ThreadedMilter(tmp_path / f"s{len(milters)}", verdicts))
    return main(["test", "--to", milters[-1].endpoint, *arguments])


HOLD = frame(reply.QUARANTINE, b"why\0") + CONTINUE


@pytest.mark.parametrize(
    ("verdict", "status", "word"),
    [
        (CONTINUE, 0, "accept"),
        (frame(reply.ACCEPT), 0, "accept"),
        (frame(reply.REJECT), 65, "reject"),
        (text("451 4.7.1 later"), 75, "tempfail"),
        (text("421 4.7.1 bye"), 75, "shutdown"),
        (frame(reply.DISCARD), 80, "discard"),
        (HOLD, 81, "quarantine"),
        (frame(ord("Z")), 69, "error"),
    ],
)
def test_the_exit_status_is_that_of_the_verdict(
    tmp_path: Path,
    milters: list[ThreadedMilter],
    capsys: pytest.CaptureFixture[str],
    verdict: bytes,
    status: int,
    word: str,
) -> None:
    assert run(tmp_path, milters, verdicts=[verdict]) == status
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == f"status: {word}"
    assert second.startswith("elapsed-time: 0.")


def test_several_messages(
    tmp_path: Path, milters: list[ThreadedMilter], capsys: pytest.CaptureFixture[str], box: str
) -> None:
    assert run(tmp_path, milters, box, verdicts=[CONTINUE, frame(reply.REJECT)]) == 65
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith(("status", "message"))] == [
        "status: accept",
        f"message: {box}:1",
        "status: reject",
        f"message: {box}:2",
        "messages: 2 (accept 1, reject 1)",
    ]


def test_expectations(
    tmp_path: Path, milters: list[ThreadedMilter], capsys: pytest.CaptureFixture[str], box: str
) -> None:
    refusals = [text("550 5.7.1 no")] * 2
    assert run(tmp_path, milters, "--expect", "reject:550:5.7.1", box, verdicts=refusals) == 0
    assert capsys.readouterr().err == ""
    assert run(tmp_path, milters, "--expect", "reject:550", box, verdicts=[refusals[0], CONTINUE]) == 1
    assert capsys.readouterr().err == f"mmx test: {box}:2: expected reject:550, got accept\n"
    assert run(tmp_path, milters, "--expect", "accept", verdicts=refusals) == 1
    assert capsys.readouterr().err == "mmx test: expected accept, got reject (550 5.7.1 no)\n"
    assert run(tmp_path, milters, "--expect", "error", verdicts=[frame(ord("Z"))]) == 0


def test_the_message_as_it_goes_on(
    tmp_path: Path, milters: list[ThreadedMilter], capsys: pytest.CaptureFixture[str], box: str
) -> None:
    added = frame(reply.ADDHEADER, b"X\x001\0") + CONTINUE
    (tmp_path / "one").write_bytes(b"Subject: one\r\n\r\n1\r\n")
    out = tmp_path / "out"
    assert run(tmp_path, milters, "--output", str(out), str(tmp_path / "one"), verdicts=[added]) == 0
    assert out.read_bytes() == b"Subject: one\nX: 1\n\n1\n"
    assert run(tmp_path, milters, "--output", str(out), box, verdicts=[added, added]) == 64
    assert "name a directory" in capsys.readouterr().err
    folder = tmp_path / "folder"
    folder.mkdir()
    assert run(tmp_path, milters, "--output", str(folder), box, verdicts=[frame(reply.REJECT), added]) == 65
    assert [path.name for path in folder.iterdir()] == ["0002.eml"]
    assert "0001.eml is not written: the message does not go on" in capsys.readouterr().err
    assert run(tmp_path, milters, "--output", "/nonexistent/x", verdicts=[]) == 69


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--to", "unix:/nonexistent/s"], 69, "No such file or directory"),
        (["--to", "/s"], 64, "write unix:/s; see mmx test --help"),
        (["--to", "unix:/s", "--expect", "fine"], 64, "'fine' is no verdict"),
        (["--to", "unix:/nonexistent/s", "--expect", "error"], 0, "as expected: "),
    ],
)
def test_clear_lines(
    arguments: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = main(["test", *arguments])
    except SystemExit as end:
        ended = int(end.code or 0)
    (line,) = capsys.readouterr().err.splitlines()
    assert (ended, told in line) == (status, True)


def test_no_message_at_all(tmp_path: Path, milters: list[ThreadedMilter]) -> None:
    (tmp_path / "new").mkdir()
    assert run(tmp_path, milters, str(tmp_path), verdicts=[]) == 69


def started(endpoint: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "mmx", "test", "--to", endpoint, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_interrupt_ends_it_without_a_word(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        listener.settimeout(BOUND)
        with started(f"unix:{tmp_path}/s") as process:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(BOUND)
                assert connection.recv(100)
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=BOUND)
                assert connection.recv(100) == b""
    assert (process.returncode, out, err) == (130, "", "")


def test_nobody_reads(tmp_path: Path, milters: list[ThreadedMilter], box: str) -> None:
    milters.append(ThreadedMilter(tmp_path / "s", []))
    with started(milters[-1].endpoint, box, "--repeat", "50") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(BOUND) == os.EX_OK
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_sign_of_life_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A milter that says nothing for long: the terminal shows that it is waited for, and is left clean."""
    monkeypatch.setattr("mmx.tools.progress.PATIENCE", 0.0)
    monkeypatch.setattr("mmx.tools.test.verb.TICK", 0.01)
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        assert main(["test", "--to", f"unix:{tmp_path}/s", "--timeout", "200ms"]) == 69
    assert "messages 0" in shown.getvalue()
    assert shown.getvalue().rpartition("\r\033[K")[2].startswith("the milter at unix:")
