"""Findings as text and JSON."""

from mmx.tools.check.finding import Kind, Level, good, unseen
from mmx.tools.check.text import as_json, report, summary
from mmx.tools.colour import Paint

PLAIN = Paint(colours=False)
BAD = Kind("postfix.bad", Level.ERROR, "it matters").at(
    "main.cf: x", "`a`", "postconf -e x=b", "postfix reload"
)
FINE = good("postfix", "Postfix", "version 3.7.11")
BLIND = unseen("mmx.unseen").at("mmx", "does not run")
ALL = (FINE, BAD, BLIND)


def test_text() -> None:
    assert list(report(ALL, Level.OK, PLAIN)) == [
        "Postfix",
        "ok       Postfix: version 3.7.11",
        "error    main.cf: x: `a`",
        "         it matters",
        "             postconf -e x=b",
        "             postfix reload",
        "",
        "mmx",
        "note     mmx: does not run",
        "         what is wrong there, if anything, is not known",
        "",
        "1 error, 1 note, 1 ok, 1 could not be seen",
    ]


def test_less_of_it() -> None:
    assert list(report(ALL, Level.WARNING, PLAIN))[:2] == ["Postfix", "error    main.cf: x: `a`"]
    assert list(report((FINE,), Level.WARNING, PLAIN)) == ["1 ok"]
    assert summary(()) == "nothing was looked at"


def test_colours() -> None:
    assert "\033[31merror  \033[0m  main.cf: x: `a`" in list(report(ALL, Level.OK, Paint(colours=True)))


def test_what_came_from_files_is_escaped() -> None:
    finding = good("postfix", "a\x1b[31m", "b\nc")
    assert list(report((finding,), Level.OK, PLAIN))[1] == r"ok       a\x1b[31m: b\x0ac"


def test_the_width_of_a_terminal() -> None:
    long = Kind("postfix.bad", Level.ERROR, "why " * 20).at("main.cf: x", "seen " * 20, "command " * 20)
    lines = list(report((long,), Level.OK, PLAIN, 60))
    assert [line for line in lines if len(line) > 60] == ["             " + "command " * 20]
    assert lines[2].startswith("         seen seen")
    assert max(map(len, report((long,), Level.OK, PLAIN))) > 100
    assert list(report((FINE,), Level.OK, PLAIN, 1))[1] == "ok       Postfix: version 3.7.11"


def test_commands_can_be_pasted() -> None:
    odd = Kind("postfix.bad", Level.ERROR, "why").at("x", "y", "postconf -e 'x=a\\b ü\x1b\u202e\udcff'")
    assert r"postconf -e 'x=a\b ü\x1b\xe2\x80\xae\xff'" in list(report((odd,), Level.OK, PLAIN))[-3]


def test_json() -> None:
    assert as_json(ALL)[1] == {
        "level": "error",
        "name": "postfix.bad",
        "subject": "main.cf: x",
        "seen": "`a`",
        "why": "it matters",
        "commands": ["postconf -e x=b", "postfix reload"],
        "unseen": False,
    }
    assert [told["unseen"] for told in as_json(ALL)] == [False, False, True]
