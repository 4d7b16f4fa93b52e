"""Command lines of the verbs: argparse, with sysexits' code for a wrong one, and examples below the options.

Man pages and completion are made from the same parsers (mmx.tools.command_tree), so a parser is built without
side effects. Text is laid out for the width of the terminal; lines that are indented stay whole, so that
commands can be copied.
"""

import argparse
import re
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
_NARROWEST: Final = 14
_ENTRY: Final = re.compile(r"( {2}\S+ {2,})(\S.*)")
"""A word and what it means."""
_EXAMPLES: Final = "examples:"


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


def hanging(lines: Sequence[str]) -> list[tuple[str, str]]:
    """The lines of a block that has indented ones, each as what stands before its text, and the text.

    "  word   what it means" may go on in lines that begin where its text does; they are joined. What is not
    to be filled has nothing before it.
    """
    found: list[tuple[str, str]] = []
    for line in lines:
        match = _ENTRY.match(line)
        before, text = found[-1] if found else ("", "")
        if match:
            found.append((match[1], match[2]))
        elif before and len(line) - len(line.lstrip()) == len(before):
            found[-1] = (before, f"{text} {line.strip()}")
        else:
            found.append(("", line))
    return found


def _laid_out(lines: Sequence[str], width: int) -> Iterator[str]:
    if not is_indented(lines):
        yield from textwrap.wrap(" ".join(lines), width, break_on_hyphens=False)
        return
    for before, text in _of_examples(lines) if lines[0] == _EXAMPLES else hanging(lines):
        indent = " " * len(before)
        if before and width > len(before) + _NARROWEST:
            yield from textwrap.wrap(text, width, initial_indent=before, subsequent_indent=indent)
        else:
            yield f"{before}{text}"


def _of_examples(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What an example does is filled, its command stays whole."""
    told = _INDENT * 3
    for line in lines:
        yield (told, line.removeprefix(told)) if line.startswith(told) else ("", line)


def is_indented(lines: Sequence[str]) -> bool:
    """Whether a block is no paragraph of text."""
    return any(line.startswith(_INDENT) for line in lines)


def number(least: int, most: int = 1 << 31) -> Callable[[str], int]:
    """A number within bounds as the `type` of an argument."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text[:20]) <= most:
            raise argparse.ArgumentTypeError(f"{text}: write a number from {least} to {most}")
        return int(text)

    return read


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
    return "\n".join([_EXAMPLES, *lines])
