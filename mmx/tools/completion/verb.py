"""`mmx completion`: what bash, zsh and fish need to complete command lines of mmx.

    mmx completion bash|zsh|fish     a script, made from the same parsers as --help
    mmx completion children          the names of the children, one a line; the scripts ask for them

Everything but the names of children is in the script. Those are asked of the mmx that runs; if it cannot be
asked, they are those of the settings and of the milters that systemd knows. While somebody waits for the
answer of his shell nothing else is looked at, no answer is waited for long, and what goes wrong is not told.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from mmx.detect.collector import SYSTEMCTL, Collector
from mmx.detect.commands import Answer, run
from mmx.detect.host import Host
from mmx.errors import EX_OK, MmxError
from mmx.settings.load import load_leniently
from mmx.tools.arguments import Parser
from mmx.tools.completion.bash import bash_script
from mmx.tools.completion.fish import fish_script
from mmx.tools.completion.zsh import zsh_script
from mmx.tools.control_client import ask, parser_for_daemon, socket_path

_TOLD: Final = "Print a script that makes a shell complete command lines of mmx."
_MORE: Final = (
    "It knows commands, options and their values; names of files, and those of the children. `children`\n"
    "prints what the scripts ask for: the children of the mmx that runs, or else those of the settings."
)
_EXAMPLES: Final = (
    ("mmx completion bash >/etc/bash_completion.d/mmx", "for every user of bash"),
    ("mmx completion fish | source", "for this fish"),
    ("mmx completion zsh >/usr/local/share/zsh/site-functions/_mmx", "for every user of zsh"),
)
_PATIENCE: Final = 1.0
"""Seconds that the daemon has, and systemctl."""
_CHILDREN: Final = "children"


def main(verb: str, argv: Sequence[str]) -> int:
    """Carry it out; the exit code."""
    options = parser(verb).parse_args(argv)
    if options.what != _CHILDREN:
        print(_SCRIPTS[options.what](), end="")
        return EX_OK
    for name in child_names(options):
        print(name)
    return EX_OK


def parser(verb: str) -> Parser:
    """The options."""
    made = parser_for_daemon(verb, _TOLD, _EXAMPLES, _MORE)
    made.add_argument(
        "what", metavar="WHAT", choices=[*_SCRIPTS, _CHILDREN], help="bash, zsh, fish or children"
    )
    return made


def child_names(options: argparse.Namespace) -> Iterable[str]:
    """The names of all children, as far as they can be told at once."""
    try:
        status = ask(socket_path(options), {"do": "status"}, within=_PATIENCE)
        return [str(child["name"]) for child in status["children"]]
    except (MmxError, OSError, LookupError, TypeError):
        return _configured(options.config)


def _configured(config: Path) -> Iterable[str]:
    try:
        settings = Host(Collector(runner=_only_systemctl)).load(config).settings
    except MmxError:
        settings = load_leniently(config)
    return [child.name for child in settings.children]


def _only_systemctl(argv: Sequence[str], limit: float) -> Answer:
    if argv[0] not in SYSTEMCTL:
        return Answer(failure="not asked: it takes its time")
    return run(argv, min(limit, _PATIENCE))


_SCRIPTS: Final[dict[str, Callable[[], str]]] = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}
