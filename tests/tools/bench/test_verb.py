"""The command `mmx bench`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmx import cli
from mmx.errors import EX_INTERRUPTED, EX_OK, EX_UNAVAILABLE, EX_USAGE
from mmx.tools.progress import Progress
from tests.aio.peers import BOUND
from tests.tools.filter.test_verb import started


@pytest.fixture(scope="module")
def milter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of one that refuses a sender, and dies for another."""
    directory = tmp_path_factory.mktemp("milter")
    script = directory / "s.yaml"
    script.write_text(
        "rules:\n"
        "  - {at: mail, when: {sender: 'no@*'}, do: reject}\n"
        "  - {at: eom, when: {sender: 'dies@*'}, do: close}\n"
    )
    at = directory / "sock"
    with started(script, at, "--quiet"):
        yield at


def objects(output: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(output)["targets"]
    return found


def test_a_milter_is_loaded(milter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--to", f"unix:{milter}", "--messages", "20"]) == EX_OK
    out, err = capsys.readouterr()
    assert "messages of 10KiB" in out
    assert any(line.split() == ["accept", "20"] for line in out.splitlines())
    assert err == ""


def test_verdicts_are_counted(milter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", "--to", f"unix:{milter}", "--messages", "5", "--from", "no@example.net", "--json"]
    assert cli.main([*arguments, "--per-session", "3", "--sessions", "1"]) == EX_OK
    (target,) = objects(capsys.readouterr().out)
    assert target["verdicts"] == {"reject": 5}


def test_failures_are_counted(milter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", "--to", f"unix:{milter}", "--messages", "5", "--from", "dies@example.net", "--json"]
    assert cli.main(arguments) == EX_UNAVAILABLE
    (target,) = objects(capsys.readouterr().out)
    assert sum(target["failures"].values()) == 5  # type: ignore[attr-defined]  # a map


def test_two_are_compared(milter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mail = tmp_path / "m.eml"
    mail.write_text("Subject: x\n\nbody\n")
    to = ["--to", f"unix:{milter}"]
    assert cli.main(["bench", *to, *to, "--messages", "10", str(mail)]) == EX_OK
    out = capsys.readouterr().out
    assert "messages from files: 1, in turn" in out
    assert "ratio" in out


def test_the_running_mmx_is_loaded(milter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "mmx.yaml"
    config.write_text(f"detect: no\nlisten: ['unix:{milter}']\n")
    assert cli.main(["bench", "--config", str(config), "--messages", "3", "--json"]) == EX_OK
    assert [target["target"] for target in objects(capsys.readouterr().out)] == [f"unix:{milter}"]


def test_nobody_to_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--to", f"unix:{tmp_path}/none"]) == EX_UNAVAILABLE
    out, err = capsys.readouterr()
    assert out == ""
    assert "cannot be loaded" in err


def test_an_interruption_prints_what_was_measured(
    milter: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show(_: Progress, done: int, more: str = "") -> None:
        if done == 7:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Progress, "show", show)
    assert cli.main(["bench", "--to", f"unix:{milter}", "--messages", "100000"]) == EX_INTERRUPTED
    out, err = capsys.readouterr()
    assert out.endswith("interrupted: this is what was measured until then\n")
    assert any(line.split()[0] == "accept" for line in out.splitlines() if line)
    assert err == ""


def test_progress_tells_the_rate(milter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[int, str]] = []
    monkeypatch.setattr(Progress, "show", lambda _, done, more="": shown.append((done, more)))
    to = ["--to", f"unix:{milter}"]
    assert cli.main(["bench", *to, *to, "--messages", "5"]) == EX_OK
    assert [done for done, _ in shown] == list(range(1, 11))
    assert all(more.endswith("/s") for _, more in shown)


def test_a_closed_pipe_ends_cleanly(milter: Path) -> None:
    command = [sys.executable, "-m", "mmx", "bench", "--to", f"unix:{milter}", "--messages", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(BOUND) == EX_OK


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--to", "tcp:1"], "tcp: is not a word for endpoints"),
        (["--to", "unix:/a", "--to", "unix:/b", "--to", "unix:/c"], "at most two targets"),
        (["--to", "unix:/a", "--smtp", "127.0.0.1:25"], "not allowed with argument --to"),
        (["--smtp", "127.0.0.1:25"], "--smtp needs --rcpt"),
        (["--smtp", "127.0.0.1", "--rcpt", "a@b"], "host or port is missing"),
        (["--messages", "0"], "write a number from 1"),
        (["--sessions", "1001"], "write a number from 1 to 1000"),
        (["--size", "10K"], "not a size"),
        (["--client", "x"], "no IP address"),
        (["--timeout", "5"], "a duration needs its unit"),
        (["--timeout", "0s"], "nothing comes within no time"),
    ],
)
def test_wrong_arguments(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", *arguments])
    assert ended.value.code == EX_USAGE
    told = capsys.readouterr().err
    assert complaint in told
    assert told.endswith("see mmx bench --help\n")


def test_another_machine_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--smtp", "192.0.2.1:25", "--rcpt", "a@b.c"]) == EX_USAGE
    assert "another machine (192.0.2.1); a load on it needs --allow-remote" in capsys.readouterr().err
