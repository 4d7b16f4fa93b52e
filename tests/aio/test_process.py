"""The daemon as a process: signals and exit codes."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

BOUND = 20.0


def start(directory: Path, name: str = "mmx.sock") -> subprocess.Popen[str]:
    file = directory / f"{name}.yaml"
    file.write_text(
        f"listen: unix:{directory}/{name}\n"
        "socket_group: null\ndetect: false\nmetrics: {listen: null}\n"
        f"spool_directory: {directory}\n"
        f"control_socket: {directory}/control.sock\n"
        f"children: {{gone: {{endpoint: 'unix:{directory}/gone.sock'}}}}\n"
    )
    return subprocess.Popen(
        [sys.executable, "-m", "mmx", "--config", file], stderr=subprocess.PIPE, text=True, close_fds=True
    )


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read its log until a line has these words."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f"the daemon ended without saying {words!r}")


@pytest.fixture
def daemon(directory: Path) -> Iterator[subprocess.Popen[str]]:
    with start(directory) as process:
        try:
            wait_for(process, "child gone is down")
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(
    directory: Path, daemon: subprocess.Popen[str], number: signal.Signals
) -> None:
    with socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(directory / "mmx.sock"))
        begin = time.monotonic()
        daemon.send_signal(number)
        _, log = daemon.communicate(timeout=BOUND)
        assert idle.recv(1) == b""
    assert daemon.returncode == 0
    assert time.monotonic() - begin < 5
    assert log.splitlines()[-1] == "info: stopped"
    assert "Traceback" not in log
    assert not (directory / "mmx.sock").exists()


def test_a_second_one_exits_69_and_leaves_the_first_alone(
    directory: Path, daemon: subprocess.Popen[str]
) -> None:
    second = start(directory)
    _, log = second.communicate(timeout=BOUND)
    assert second.returncode == 69
    assert f"cannot listen on {directory}/mmx.sock: another program listens there" in log
    assert "Traceback" not in log
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(directory / "mmx.sock"))


def test_a_killed_one_is_no_obstacle(directory: Path, daemon: subprocess.Popen[str]) -> None:
    daemon.kill()
    daemon.wait(BOUND)
    assert (directory / "mmx.sock").is_socket()
    with start(directory) as second:
        wait_for(second, "child gone is down")
        second.terminate()
        second.communicate(timeout=BOUND)
    assert second.returncode == 0
