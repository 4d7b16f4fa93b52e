"""`mmx completion`: which children it names, and that nothing goes wrong aloud."""

from pathlib import Path

import pytest

from mmx.cli import main
from mmx.detect.collector import SYSTEMCTL
from mmx.detect.commands import Answer
from mmx.tools.completion import verb as completion
from tests.tools.control_server import ControlServer

SETTINGS = "detect: no\nchildren: {one: {endpoint: 'unix:/run/one'}, two: {endpoint: 'unix:/run/two'}}\n"


def names(capsys: pytest.CaptureFixture[str], *where: object) -> list[str]:
    assert main(["completion", "children", *map(str, where)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_names_its_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"for {shell}; printed by `mmx completion {shell}`" in capsys.readouterr().out


def test_children_are_those_of_the_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"result": {"children": [{"name": "opendkim"}, {"name": "rspamd"}]}}
    with ControlServer(tmp_path / "socket", [answer]).running() as server:
        assert names(capsys, "--socket", server.path) == ["opendkim", "rspamd"]
    assert server.requests == [{"do": "status"}]


@pytest.mark.parametrize(
    "answer", [{"result": {}}, {"result": None}, {"error": "no", "status": 77}, b"junk\n"]
)
def test_settings_are_asked_if_the_daemon_is_of_no_use(
    answer: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "mmx.yaml"
    config.write_text(SETTINGS)
    with ControlServer(tmp_path / "socket", [answer]).running() as server:
        assert names(capsys, "--socket", server.path, "--config", config) == ["one", "two"]


def test_a_daemon_that_hangs_is_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "_PATIENCE", 0.05)
    config = tmp_path / "mmx.yaml"
    config.write_text(SETTINGS)
    server = ControlServer(tmp_path / "socket")
    assert names(capsys, "--socket", server.path, "--config", config) == ["one", "two"]
    server._socket.close()


def test_wrong_settings_give_what_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "mmx.yaml"
    config.write_text(SETTINGS + "no_such_key: 1\n")
    assert names(capsys, "--socket", tmp_path / "none", "--config", config) == ["one", "two"]
    assert names(capsys, "--socket", tmp_path / "none", "--config", tmp_path / "none.yaml") == []


def test_of_programs_only_systemctl_is_asked_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(argv: tuple[str, ...], limit: float) -> Answer:
        asked.append((argv[0], limit))
        return Answer()

    monkeypatch.setattr(completion, "run", run)
    assert completion._only_systemctl([SYSTEMCTL[0], "show"], 10.0) == Answer()
    assert completion._only_systemctl(["/usr/bin/rspamadm"], 30.0).failure
    assert asked == [(SYSTEMCTL[0], 1.0)]
