"""Command lines of the verbs: argparse, with sysexits' code for a wrong one, and examples below the options.

Man pages and completion are made from the same parsers, so a parser is built without side effects.
"""

import argparse
from collections.abc import Sequence
from typing import Final, NoReturn

from mmx.errors import EX_USAGE

Examples = Sequence[tuple[str, str]]
"""Command lines, each with what it does."""

_INDENT: Final = "  "


class Parser(argparse.ArgumentParser):
    """The parser of one verb. `more` is text for below the options; `examples` follow it."""

    def __init__(self, verb: str, description: str, examples: Examples, more: str = "") -> None:
        super().__init__(
            prog=f"mmx {verb}",
            description=description,
            epilog="\n\n".join(filter(None, (more, _told(examples)))),
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.verb = verb
        self.more = more
        self.examples = tuple(examples)

    def error(self, message: str) -> NoReturn:
        self.exit(EX_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def _told(examples: Examples) -> str:
    lines = [f"{_INDENT}{line}\n{_INDENT * 3}{told}" for line, told in examples]
    return "\n".join(["examples:", *lines])
