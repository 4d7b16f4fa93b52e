"""The parser of commands."""

import pytest

from mmx.errors import EX_USAGE
from mmx.settings.units import parse_mode
from mmx.tools.arguments import Parser, typed


def test_a_wrong_command_line_ends_with_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        Parser("anything", "Do anything.", []).parse_args(["--what"])
    assert caught.value.code == EX_USAGE
    expected = "mmx anything: unrecognized arguments: --what; see mmx anything --help\n"
    assert capsys.readouterr().err == expected


def test_help_ends_with_examples() -> None:
    parser = Parser("sleep", "Do nothing.", [("mmx sleep 5", "for five seconds")], "Nothing is lost.")
    assert parser.format_help().endswith(
        "\n\nNothing is lost.\n\nexamples:\n  mmx sleep 5\n      for five seconds\n"
    )


def test_what_a_parser_says_of_an_argument_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser("chmod", "Do nothing.", [])
    parser.add_argument("mode", type=typed(parse_mode))
    assert parser.parse_args(["0640"]).mode == 0o640
    with pytest.raises(SystemExit):
        parser.parse_args(["9"])
    assert "argument mode: 9: no file mode; write three octal digits" in capsys.readouterr().err


@pytest.mark.parametrize(("columns", "widest"), [("40", 38), ("60", 58), ("80", 78), ("300", 100)])
def test_help_fits_the_terminal(columns: str, widest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    told, line = (
        "what it does, told at length " * 9,
        "mmx sleep --and-a-long-command-line-that-somebody-may-copy",
    )
    parser = Parser("sleep", told, [(line, told)], f"{told}\n\n  kept as it is {told}\n\n{told}")
    parser.add_argument("--option", metavar="VALUE", help=told)
    lines = parser.format_help().splitlines()
    filled = [one for one in lines if line not in one and "kept as it is" not in one]
    assert f"  {line}" in lines
    assert widest - 14 <= max(map(len, filled)) <= widest
    assert sum("kept as it is" in one for one in lines) == 1


def test_words_and_what_they_mean_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "34")
    more = "words:\n  one      the first of them, told in\n           two lines\n  another  the second"
    text = Parser("sleep", "Do nothing.", [], more).format_help()
    assert (
        "words:\n  one      the first of them,\n           told in two lines\n  another  the second\n" in text
    )


def test_indented_lines_that_are_no_list_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = "  rules:\n    - at: rcpt\n      when: {recipient: 'a long one, longer than that'}\n      do: it"
    more = f"a script:\n\n{lines}"
    assert f"\n\n{more}\n" in Parser("sleep", "Do nothing.", [], more).format_help()
