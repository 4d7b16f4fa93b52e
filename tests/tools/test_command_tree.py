"""The command line as data."""

import argparse

from mmx.tools.command_tree import Argument, Command, Kind, _command, command_tree, usage
from mmx.tools.verbs import VERBS


def made(parser: argparse.ArgumentParser) -> Command:
    return _command(("do",), "do it", parser)


def test_every_verb_is_there_with_its_options() -> None:
    tree = command_tree()
    assert [command.path for command in tree.commands] == [verb.name for verb in VERBS]
    assert "--check-config" in {name for option in tree.options for name in option.names}
    assert tree.arguments == ()
    for command in tree.walk():
        assert command.options[0].names == ("-h", "--help")


def test_arguments_say_what_they_take() -> None:
    parser = argparse.ArgumentParser("mmx do", add_help=False)
    parser.add_argument("-v", "--verbose", action="store_true", help="tell more")
    parser.add_argument("--config", metavar="FILE", default="x", help="a file (default: %(default)s)")
    parser.add_argument("--watch", nargs="?", metavar="SECONDS")
    parser.add_argument("--as", choices=["a", "b"], help="one of them")
    parser.add_argument("--secret", help=argparse.SUPPRESS)
    parser.add_argument("child", metavar="CHILD")
    parser.add_argument("mails", metavar="MAIL", nargs="*")
    command = made(parser)
    assert command.options == (
        Argument(("-v", "--verbose"), "", "tell more"),
        Argument(("--config",), "FILE", "a file (default: x)", Kind.FILE, takes_word=True),
        Argument(("--watch",), "[SECONDS]", ""),
        Argument(("--as",), "{a,b}", "one of them", choices=("a", "b"), takes_word=True),
    )
    assert command.arguments == (
        Argument((), "CHILD", "", Kind.CHILD, takes_word=True),
        Argument((), "[MAIL ...]", "", Kind.FILE, takes_word=True, repeats=True),
    )


def test_words_behind_a_verb() -> None:
    parser = argparse.ArgumentParser("mmx do")
    below = parser.add_subparsers()
    below.add_parser("this", help="do this").add_argument("--now", action="store_true")
    below.add_parser("that", help="do that")
    command = made(parser)
    assert [(one.path, one.told) for one in command.walk()] == [
        ("do", "do it"),
        ("do this", "do this"),
        ("do that", "do that"),
    ]
    assert command.arguments == ()


def test_usage_is_one_line() -> None:
    parser = argparse.ArgumentParser("mmx do", add_help=False)
    group = parser.add_mutually_exclusive_group()
    for number in range(20):
        group.add_argument(f"--option-{number}", metavar="VALUE")
    assert usage(parser).startswith("mmx do [--option-0 VALUE | --option-1 VALUE | ")
    assert "\n" not in usage(parser)
