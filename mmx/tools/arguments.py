"""Command lines of the verbs: argparse, with sysexits' code for a wrong one, and examples below the options.

Man pages and completion are made from the same parsers (mmx.tools.command_tree), so a parser is built without
side effects. Text is laid out for the width of the terminal; lines that are indented stay whole, so that
commands can be copied.
"""

import argparse
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NoReturn, TypeVar

from mmx.errors import EX_USAGE, InvalidValueError

T = TypeVar("T")

Examples = Sequence[tuple[str, str]]
"""Command lines, each with what it does."""

_INDENT: Final = "  "
_WIDEST: Final = 100
"""Columns: longer lines are hard to read."""


class Parser(argparse.ArgumentParser):
    """The parser of one verb, or with "" that of mmx. `more` is text for below the options; `examples` follow
    it.
    """

    def __init__(self, verb: str, description: str, examples: Examples, more: str = "") -> None:
        super().__init__(
            prog=f"mmx {verb}".rstrip(),
            description=description,
            epilog="\n\n".join(filter(None, (more, _told(examples)))),
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        self.verb = verb
        self.more = more
        self.examples = tuple(examples)

    def error(self, message: str) -> NoReturn:
        self.exit(EX_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


class _Formatter(argparse.HelpFormatter):
    """Fills each paragraph by itself, and leaves indented lines as they are."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(shutil.get_terminal_size().columns, _WIDEST + 2) - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        blocks = [list(_laid_out(block.splitlines(), width)) for block in text.split("\n\n")]
        return "\n\n".join("\n".join(f"{indent}{line}" for line in block) for block in blocks)


def _laid_out(lines: Sequence[str], width: int) -> Iterator[str]:
    if not any(line.startswith(_INDENT) for line in lines):
        yield from textwrap.wrap(" ".join(lines), width, break_on_hyphens=False)
        return
    for line in lines:
        told = line.startswith(_INDENT * 3)
        indent = _INDENT * 3
        yield from textwrap.wrap(line, width, subsequent_indent=indent) if told and width > 20 else [line]


def typed(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A parser that raises InvalidValueError as the `type` of an argument: what it says is told."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except InvalidValueError as error:
            raise argparse.ArgumentTypeError(f"{text}: {error}") from None

    return read


def _told(examples: Examples) -> str:
    lines = [f"{_INDENT}{line}\n{_INDENT * 3}{told}" for line, told in examples]
    return "\n".join(["examples:", *lines])
