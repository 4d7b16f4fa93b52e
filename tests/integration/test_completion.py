"""Completion as a user has it: bash, zsh and fish at a terminal, with a daemon that knows the children.

The `mmx` that they run prints what it is given, unless it is asked for children: then it is the real one.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmx.tools.completion.bash import bash_script
from mmx.tools.completion.fish import fish_script
from mmx.tools.completion.zsh import zsh_script
from tests.integration import packages
from tests.integration.shells import Shell
from tests.tools.control_server import ControlServer

CHILDREN = [{"result": {"children": [{"name": "opendkim"}, {"name": "opendmarc"}, {"name": "rspamd"}]}}]
PROMPT = "READY> "
STAND_IN = """#!/bin/sh
case "$*" in
    *children) exec {python} -m mmx "$@" ;;
esac
printf '<%s>' "$@"; echo
"""
BASH = f"PS1='{PROMPT}'; source /usr/share/bash-completion/bash_completion; source ~/mmx.bash\n"
ZSH = f"""PS1='{PROMPT}'; fpath=(~/functions $fpath); autoload -U compinit; compinit -D -u
setopt no_prompt_cr no_prompt_sp
"""
FISH = f"function fish_prompt; echo -n '{PROMPT}'; end\nset fish_greeting\n"


class Desk:
    """A directory with files, a home without a past, and the scripts where the shells look for them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "desk"
        self.socket = directory / "control"
        files = {
            "desk/two words.eml": "",
            "desk/folder/inside": "",
            "bin/mmx": STAND_IN.format(python=sys.executable),
            "home/.bashrc": BASH,
            "home/mmx.bash": bash_script(),
            "home/.zshrc": ZSH,
            "home/functions/_mmx": zsh_script(),
            "home/.config/fish/config.fish": FISH,
            "home/.config/fish/completions/mmx.fish": fish_script(),
        }
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (directory / "bin/mmx").chmod(0o755)
        self.environment = {
            "HOME": str(directory / "home"),
            "PATH": f"{directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": str(Path(__file__).parent.parent.parent),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }

    def shell(self, *argv: str) -> Shell:
        """The shell, at its prompt."""
        shell = Shell(argv, self.environment, str(self.directory))
        shell.await_text(PROMPT)
        return shell


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    packages.require(packages.SHELLS)
    return Desk(tmp_path_factory.mktemp("shells"))


@pytest.fixture
def daemon(desk: Desk) -> Iterator[ControlServer]:
    with ControlServer(desk.socket, *[CHILDREN] * 20).running() as server:
        yield server
    desk.socket.unlink()


SHELLS = pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])


@SHELLS
def test_words_are_completed_at_a_terminal(shell: str, desk: Desk, daemon: ControlServer) -> None:
    with desk.shell(shell, "-i") as terminal:
        for keys, words in (
            ("mmx unins\t--dry\t", "<uninstall><--dry-run>"),
            ("nice mmx unins\t--dry\t", "<uninstall><--dry-run>"),
            ("mmx explain two\t", "<explain><two words.eml>"),
            ("mmx --config fol\tins\t", "<--config><folder/inside>"),
            ("mmx install --root fol\t", "<install><--root><folder/?>"),
            ("mmx completion f\t", "<completion><fish>"),
            (
                f"mmx drain --socket {desk.socket} rs\t--wa\t5s",
                f"<drain><--socket><{desk.socket}><rspamd><--wait(?:=|><)5s>",
            ),
            (
                f"mmx trace --socket {desk.socket} --child r\t",
                f"<trace><--socket><{desk.socket}><--child><rspamd>",
            ),
        ):
            terminal.type(f"{keys}\r")
            terminal.await_text(f"{words}(?s:.*){PROMPT}")
    assert {request["do"] for request in daemon.requests} == {"status"}


@SHELLS
def test_what_is_possible_is_listed(shell: str, desk: Desk, daemon: ControlServer) -> None:
    with desk.shell(shell, "-i") as terminal:
        terminal.type(f"mmx disable --socket {desk.socket} \t\t")
        terminal.await_text("opendkim[^>]*opendmarc[^>]*rspamd")


@SHELLS
def test_a_daemon_that_is_not_there_is_no_news(shell: str, desk: Desk) -> None:
    with desk.shell(shell, "-i") as terminal:
        terminal.type(f"mmx disable --socket {desk.socket} --config /none opend\t\tx\r")
        text = terminal.await_text(
            f"<disable><--socket><{desk.socket}><--config></none><opendx>(?s:.*){PROMPT}"
        )
    assert "control socket" not in text
    assert "Traceback" not in text
