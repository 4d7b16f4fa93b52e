"""The table of verbs."""

import shlex
from itertools import takewhile

import pytest

from mmx.errors import EX_OK, EX_USAGE
from mmx.tools.verbs import VERBS, Verb

EVERY = pytest.mark.parametrize("verb", VERBS, ids=[verb.name for verb in VERBS])


def test_names_are_different() -> None:
    assert len({verb.name for verb in VERBS}) == len(VERBS)


@EVERY
def test_help_names_the_verb_and_two_examples(verb: Verb) -> None:
    parser = verb.parser
    assert parser.prog == f"mmx {verb.name}"
    assert len(parser.examples) >= 2
    assert all(line.startswith(f"mmx {verb.name}") for line, _ in parser.examples)


@EVERY
def test_examples_are_valid(verb: Verb) -> None:
    for line, _ in verb.parser.examples:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(takewhile(lambda word: not set(word) <= set("();<>|&"), lexer))
        verb.parser.parse_args(words[2:])


@EVERY
def test_settings_may_be_named(verb: Verb) -> None:
    assert ("--config" in verb.parser.format_help()) == verb.with_settings


@EVERY
def test_exit_codes(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in (["--help"], EX_OK), (["--no-such-option"], EX_USAGE):
        with pytest.raises(SystemExit) as ended:
            verb.run(arguments)
        assert ended.value.code == code
    shown = capsys.readouterr()
    assert shown.out.startswith(f"usage: mmx {verb.name}")
    assert f"see mmx {verb.name} --help" in shown.err


@EVERY
@pytest.mark.parametrize("columns", ["40", "250"])
def test_help_is_plain_text_on_any_terminal(
    verb: Verb, columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        verb.run(["--help"])
    shown = capsys.readouterr().out
    assert [one for one in shown if not one.isprintable() and one != "\n"] == []
    for line, _ in verb.parser.examples:
        assert f"\n  {line}\n" in shown
    assert max(map(len, shown.splitlines())) <= max(100, *(len(line) + 2 for line, _ in verb.parser.examples))
