"""The command line as data, read off the parsers: what man pages and completion are made of.

A `Command` is `mmx` itself, a verb, or a word behind a verb; each has options, arguments and perhaps further
commands. What a value is completed with is told by its metavar (`KINDS`): who writes a parser names files
FILE, directories DIR, children CHILD, and has nothing else to do. Arguments of suppressed help are hidden.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from mmx.cli import make_parser
from mmx.tools.verbs import VERBS


class Kind(Enum):
    """What a value can be completed with."""

    NOTHING = "nothing"
    FILE = "file"
    DIRECTORY = "directory"
    CHILD = "child"
    ENDPOINT = "endpoint"


KINDS: Final = {
    **dict.fromkeys(("FILE", "PATH", "MESSAGE", "MAIL", "SCRIPT", "SCRIPT.yaml", "mail.eml"), Kind.FILE),
    "DIR": Kind.DIRECTORY,
    "CHILD": Kind.CHILD,
    "ENDPOINT": Kind.ENDPOINT,
}
_MANY: Final = ("*", "+", argparse.REMAINDER)


@dataclass(frozen=True, slots=True)
class Argument:
    """An option, or an argument that has no name; `value` is what help shows behind the name."""

    names: tuple[str, ...]
    value: str
    told: str
    kind: Kind = Kind.NOTHING
    choices: tuple[str, ...] = ()
    takes_word: bool = False
    """The next word is its value; not if the value may be missing."""
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """`words` lead to it, () for mmx itself; `told` is its line in a list."""

    words: tuple[str, ...]
    told: str
    parser: argparse.ArgumentParser
    options: tuple[Argument, ...]
    arguments: tuple[Argument, ...]
    commands: tuple["Command", ...] = ()

    @property
    def path(self) -> str:
        """The words, with blanks between."""
        return " ".join(self.words)

    def walk(self) -> Iterator["Command"]:
        """This one, and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def command_tree() -> Command:
    """`mmx` and everything below it."""
    verbs = tuple(_command((verb.name,), verb.told, verb.parser) for verb in VERBS)
    return _command((), "a milter multiplexer for Postfix", make_parser(), verbs)


def usage(parser: argparse.ArgumentParser) -> str:
    """The line of usage, however long."""
    formatter = argparse.HelpFormatter(parser.prog, width=10_000)
    groups = parser._mutually_exclusive_groups  # noqa: SLF001  # argparse tells it in no other way
    formatter.add_usage(parser.usage, _actions(parser), groups, prefix="")
    return formatter.format_help().strip()


def _command(
    words: tuple[str, ...],
    told: str,
    parser: argparse.ArgumentParser,
    commands: tuple[Command, ...] = (),
) -> Command:
    found = [_argument(parser, action) for action in _actions(parser) if _is_shown(action)]
    return Command(
        words,
        told,
        parser,
        options=tuple(argument for argument in found if argument.names),
        arguments=tuple(argument for argument in found if not argument.names),
        commands=commands or tuple(_below(words, parser)),
    )


def _below(words: tuple[str, ...], parser: argparse.ArgumentParser) -> Iterator[Command]:
    for action in _actions(parser):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # it has no public name
            told = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001
            for name, made in action.choices.items():
                yield _command((*words, name), told.get(name, ""), made)


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001  # argparse tells them in no other way


def _is_shown(action: argparse.Action) -> bool:
    is_command = isinstance(action, argparse._SubParsersAction)  # noqa: SLF001  # it has no public name
    return action.help != argparse.SUPPRESS and not is_command


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> Argument:
    formatter: Any = argparse.HelpFormatter(parser.prog)
    default = action.dest.upper() if action.option_strings else action.dest
    takes_value = action.nargs != 0
    metavar = action.metavar if isinstance(action.metavar, str) else default
    return Argument(
        names=tuple(action.option_strings),
        value=formatter._format_args(action, default) if takes_value else "",  # noqa: SLF001  # as in help
        told=formatter._expand_help(action) if action.help else "",  # noqa: SLF001  # likewise
        kind=KINDS.get(metavar, Kind.NOTHING) if takes_value else Kind.NOTHING,
        choices=tuple(map(str, action.choices or ())),
        takes_word=takes_value and action.nargs != "?",
        repeats=action.nargs in _MANY,
    )
