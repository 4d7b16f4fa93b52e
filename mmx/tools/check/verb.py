"""`mmx check`: walk from Postfix to the last child, and say what is wrong and what mends it.

    mmx check [--level LEVEL | --quiet] [--json] [--postfix DIR]

The host is looked at once (host.py), then judged by the checks of a table (table.py). Nothing is
changed, no mail is sent; whoever runs it sees what he may see, and is told what he may not.

Exit status as of a monitoring plugin: 0 nothing above a note, 1 warnings, 2 errors.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mmx.errors import EX_OK
from mmx.settings.load import DEFAULT_PATH
from mmx.tools.arguments import Parser
from mmx.tools.check.finding import LEVELS, Level, worst
from mmx.tools.check.host import STEPS, look
from mmx.tools.check.table import examine
from mmx.tools.check.text import as_json, report, summary
from mmx.tools.colour import Paint, wants_colours
from mmx.tools.ticking import Ticking

EX_WARNINGS: Final = 1
EX_ERRORS: Final = 2
STATUS: Final = {
    Level.OK: EX_OK,
    Level.NOTE: EX_OK,
    Level.WARNING: EX_WARNINGS,
    Level.ERROR: EX_ERRORS,
}

_EXAMPLES: Final = (
    ("mmx check", "everything, as root or as any user"),
    ("mmx check --quiet", "only what is wrong, with the commands that mend it"),
    ("mmx check --json | jq '.findings[].commands[]'", "only the commands"),
)


def main(verb: str, argv: Sequence[str]) -> int:
    """Look, judge, tell; the exit code."""
    options = parser(verb).parse_args(argv)
    with Ticking("looking", len(STEPS)) as ticking:
        view = look(options.config, options.postfix, tell=ticking.step)
    findings = tuple(examine(view))
    level = worst(findings)
    if options.json:
        told = {"worst": level.word, "summary": summary(findings), "findings": as_json(findings)}
        print(json.dumps(told, indent=2))
    else:
        paint = Paint(wants_colours(sys.stdout, os.environ))
        columns = (shutil.get_terminal_size().columns,) if sys.stdout.isatty() else ()
        for line in report(findings, _least(options), paint, *columns):
            print(line)
    return STATUS[level]


def parser(verb: str) -> Parser:
    """The options."""
    made = Parser(
        verb,
        "Say what is wrong between Postfix and the last child, and the commands that mend it.",
        _EXAMPLES,
        "exit status: 0 nothing above a note, 1 warnings, 2 errors",
    )
    made.add_argument(
        *("-c", "--config"),
        type=Path,
        default=DEFAULT_PATH,
        metavar="FILE",
        help="settings file of mmx (default: %(default)s)",
    )
    shown = made.add_mutually_exclusive_group()
    shown.add_argument("--level", choices=tuple(LEVELS), help="the least level that is shown (default: ok)")
    shown.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    made.add_argument("--json", action="store_true", help="one JSON object with all findings")
    made.add_argument(
        "--postfix", type=Path, metavar="DIR", help="directory of main.cf, of another instance of Postfix"
    )
    return made


def _least(options: argparse.Namespace) -> Level:
    return Level.WARNING if options.quiet else LEVELS[options.level or "ok"]
