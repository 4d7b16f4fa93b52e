import json
import logging
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mmx import __version__, cli
from mmx.cli import main
from mmx.detect.collector import OFFLINE, Collector
from mmx.detect.commands import Answer
from mmx.detect.host import Host
from mmx.errors import UnavailableError
from mmx.observe.log import LOGGER
from mmx.settings.load import Loaded, Loader, load
from mmx.settings.model import LogLevel
from tests.detect.hosts import DEBIAN, Programs

LISTING = b'[{"unit_file":"opendkim.service","state":"enabled","preset":null}]'
GOOD = 'detect: no\nchildren:\n  a: {endpoint: "unix:/run/a"}\n'
pytestmark = pytest.mark.usefixtures("logger_restored", "quiet_host")


@pytest.fixture
def quiet_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host has opendkim and nothing else, whatever this machine has."""
    programs = Programs({"systemctl": Answer(LISTING)})
    monkeypatch.setattr(cli, "Host", lambda: Host(Collector(DEBIAN, programs)))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mmx.yaml"
    path.write_text(GOOD)
    return path


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, attribute: str, function: object) -> None:
    """Put a module in the place of the one that the command imports only when it needs it."""
    module = ModuleType(name)
    setattr(module, attribute, function)
    monkeypatch.setitem(sys.modules, name, module)
    package, _, last = name.rpartition(".")
    monkeypatch.setattr(sys.modules.get(package, ModuleType(package)), last, module, raising=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chek-config"], "unrecognized arguments: --chek-config"),
        (["--check"], "unrecognized arguments: --check"),
        (["--config"], "expected one argument"),
        (["--check-config", "--show-config"], "not allowed with"),
        (["--json"], "--json is for --show-config"),
        (["--check-config", "--running"], "--running is for --show-config"),
        (["frobnicate"], "invalid choice"),
    ],
)
def test_wrong_usage_exits_64(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 64
    error = capsys.readouterr().err
    assert message in error
    assert "mmx --help" in error


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"mmx {__version__}\n"


def test_check_config_says_valid(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "--check-config"]) == 0
    (first, second) = capsys.readouterr().out.splitlines()
    assert first == f"{config}: valid, children in the chain: 1"
    assert second == f"  a at unix:/run/a ({config}:3)"


def test_check_config_tells_who_only_observes(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(GOOD.replace("}", ", mode: observe}"))
    assert main(["--config", str(config), "--check-config"]) == 0
    (first, second) = capsys.readouterr().out.splitlines()
    assert first == f"{config}: valid, children in the chain: 0"
    assert second == f"  a at unix:/run/a ({config}:3), only observing"


def test_check_config_warns_unless_quiet(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(GOOD + "listen: inet:127.0.0.1:7000\n")
    assert main(["--config", str(config), "--check-config"]) == 0
    assert f"warning: {config}:4: listen: inet:127.0.0.1:7000: every local user" in capsys.readouterr().err
    assert main(["--config", str(config), "--check-config", "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


DETECTED = "opendkim at unix:/run/opendkim/opendkim.sock (/etc/opendkim.conf:10)"


def test_check_config_names_a_package_that_is_missing(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(GOOD.replace("}", ", when: [dnsbl]}") + "dnsbl: {zones: [list.example]}\n")
    assert main(["--config", str(config), "--check-config", "--quiet"]) == 0
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["--config", str(config), "--check-config", "--quiet"]) == 69
    assert "pip install 'mmx[dns]'" in capsys.readouterr().err


def test_check_config_looks_for_milters(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("children: {clamav-milter: {}}\n")
    assert main(["--config", str(config), "--check-config"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1:] == [
        f"  {DETECTED}",
        "  skipped spamass-milter: spamass-milter.service is disabled",
        "  skipped clamav-milter: clamav-milter.service is disabled",
        "  skipped amavisd-milter: amavisd-milter.service is disabled",
    ]
    assert captured.err.splitlines() == [
        f"warning: {config}:1: children.clamav-milter: not in the chain: clamav-milter.service is disabled",
        f"warning: {config}: detect: {OFFLINE}",
    ]


def test_show_config_tells_where_a_socket_was_read(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("")
    assert main(["--config", str(config), "--show-config"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert '    endpoint: "unix:/run/opendkim/opendkim.sock"  # /etc/opendkim.conf:10' in lines
    assert "# skipped clamav-milter: clamav-milter.service is disabled" in lines


def test_show_config_as_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("")
    assert main(["--config", str(config), "--show-config", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["chain"] == ["opendkim"]


def test_warnings_are_logged_when_the_daemon_starts(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, "mmx.aio.service", "run", lambda loaded, path, loader: 0)
    config.write_text(GOOD + "listen: inet:127.0.0.1:7000\n")
    assert main(["--config", str(config)]) == 0
    assert "every local user" in capsys.readouterr().err


def test_check_config_tells_all_errors(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("listen: tcp:x\nlisen: 3\nsocket_mode: 0660\n")
    assert main(["--config", str(config), "--check-config", "--quiet"]) == 78
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [f"{config}:1", "listen"],
        [f"{config}:2", "lisen"],
        [f"{config}:3", "socket_mode"],
    ]


@pytest.mark.parametrize("arguments", [["--check-config"], ["--show-config"], []])
def test_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    path = tmp_path / "none.yaml"
    assert main(["--config", str(path), *arguments]) == 78
    assert capsys.readouterr().err == (
        f"{path}: cannot be read: No such file or directory; create it, or name another file with --config\n"
    )


def test_show_config_loads_back(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "--show-config"]) == 0
    shown = tmp_path / "shown.yaml"
    shown.write_text(capsys.readouterr().out)
    assert load(shown).settings == load(config).settings


def test_runs_the_service(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Loaded, Path]] = []

    def run(loaded: Loaded, path: Path, loader: Loader) -> int:
        calls.append((loaded, path))
        assert loader.load(path).settings == load(path).settings
        return 75

    stand_in(monkeypatch, "mmx.aio.service", "run", run)
    assert main(["--config", str(config)]) == 75
    assert main(["--config", str(config), "--verbose"]) == 75
    assert [(loaded.settings.log.level, path) for loaded, path in calls] == [
        (LogLevel.INFO, config),
        (LogLevel.DEBUG, config),
    ]
    assert calls[1][0].origins["log.level"] == "--verbose"


def test_the_log_is_set_up_before_the_service_starts(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(loaded: Loaded, path: Path, loader: Loader) -> int:
        logging.getLogger(f"{LOGGER}.aio.service").info("ready")
        return 0

    config.write_text(GOOD + "log: {format: journal}\n")
    stand_in(monkeypatch, "mmx.aio.service", "run", run)
    assert main(["--config", str(config)]) == 0
    assert capsys.readouterr().err == "<6>ready\n"


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (
            UnavailableError("unix:/run/x is taken; stop the other"),
            69,
            "unix:/run/x is taken; stop the other\n",
        ),
        (ZeroDivisionError("a bug"), 70, "ZeroDivisionError: a bug\n"),
    ],
)
def test_failures_of_the_service(
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: Exception,
    code: int,
    said: str,
) -> None:
    def run(loaded: Loaded, path: Path, loader: Loader) -> int:
        raise failure

    stand_in(monkeypatch, "mmx.aio.service", "run", run)
    assert main(["--config", str(config)]) == code
    assert capsys.readouterr().err.endswith(said)


@pytest.mark.parametrize("rest", [[], ["--help"], ["-v", "one", "--two=3"]])
def test_demo_gets_its_arguments(monkeypatch: pytest.MonkeyPatch, rest: list[str]) -> None:
    seen: list[list[str]] = []

    def demo(verb: str, arguments: list[str]) -> int:
        seen.append([verb, *arguments])
        return 0

    stand_in(monkeypatch, "mmx.tools.demo.verb", "main", demo)
    assert main(["demo", *rest]) == 0
    assert seen == [["demo", *rest]]


def test_interruption_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def demo(verb: str, arguments: list[str]) -> int:
        raise KeyboardInterrupt

    stand_in(monkeypatch, "mmx.tools.demo.verb", "main", demo)
    assert main(["demo"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "option", "code"), [(GOOD, "--show-config", 0), ("a: 1", "--check-config", 78)]
)
def test_a_closed_pipe_ends_cleanly(config: Path, text: str, option: str, code: int) -> None:
    config.write_text(text)
    command = [sys.executable, "-m", "mmx", "--config", str(config), option]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        if code:
            process.stderr.close()
        else:
            assert process.stderr.read() == b""
        assert process.wait() == code


@pytest.mark.parametrize("asked", ["--show-config", "--help", "completion bash"])
def test_a_full_disk_is_told_without_a_traceback(config: Path, asked: str) -> None:
    command = f"exec {sys.executable} -m mmx --config {config} {asked} > /dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    if asked != "--help":
        assert done.stderr == "mmx: what was asked for cannot be written: No space left on device\n"
        assert done.returncode == 74


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize(("text", "code"), [("detect: false", 0), ("no_such_key: 1", 78)])
def test_closed_output_changes_no_exit_code(config: Path, closed: str, text: str, code: int) -> None:
    config.write_text(f"{text}\n")
    command = f'exec "$@" {closed}'
    arguments = [sys.executable, "-m", "mmx", "--config", str(config), "--check-config"]
    assert subprocess.run(["sh", "-c", command, "sh", *arguments], check=False).returncode == code
