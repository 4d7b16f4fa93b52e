"""Completion in bash, asked of bash itself as it would ask."""

import os
import subprocess
from pathlib import Path

import pytest

from mmx.tools.completion.bash import bash_script

ASK = """
source "$SCRIPT"
compopt() { :; }
mmx() { [[ $* == "completion children" ]] && printf '%s\\n' opendkim rspamd || printf '%s\\n' "$@"; }
COMP_POINT=${#COMP_LINE}
_mmx
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bash") / "mmx"
    path.write_text(bash_script())
    (path.parent / "message.eml").touch()
    (path.parent / "folder").mkdir()
    return path


def completed(script: Path, line: str) -> set[str]:
    environment = {**os.environ, "SCRIPT": str(script), "COMP_LINE": line}
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=script.parent,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mmx sta", {"status"}),
        ("mmx --config message.eml dis", {"disable"}),
        ("mmx --check", {"--check-config"}),
        ("mmx status --js", {"--json"}),
        ("mmx disable ", {"opendkim", "rspamd"}),
        ("mmx disable --for 10m r", {"rspamd"}),
        ("mmx trace --child ", {"opendkim", "rspamd"}),
        ("mmx trace --child=o", {"opendkim"}),
        ("mmx trace --count ", set()),
        ("mmx completion f", {"fish"}),
        ("mmx explain --client 192.0.2.1 m", {"message.eml", "mmx"}),
        ("mmx --config ", {"message.eml", "mmx", "folder"}),
        ("mmx status --socket=me", {"message.eml"}),
        ("mmx install --root ", {"folder"}),
        ("mmx disable --socket /s ", {"completion", "--socket", "/s", "children"}),
        ("mmx nonsense ", {"-h", "--help"}),
    ],
)
def test_what_is_offered(line: str, words: set[str], script: Path) -> None:
    offered = completed(script, line)
    assert words <= offered if "--help" in words else offered == words


def test_all_verbs_are_offered_first(script: Path) -> None:
    assert {"status", "completion", "uninstall"} <= completed(script, "mmx ")


def test_where_nothing_can_be_named_there_are_options(script: Path) -> None:
    assert {"--json", "--watch"} <= completed(script, "mmx status ")
