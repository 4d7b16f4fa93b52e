"""Kinds and findings."""

from mmx.tools.check.finding import Kind, Level, good, shell, unseen, worst

KIND = Kind("postfix.entry-missing", Level.ERROR, "no mail passes mmx")


def test_a_kind_met_somewhere() -> None:
    finding = KIND.at("main.cf", "nothing", "postconf -e a=b", "postfix reload")
    assert (finding.level, finding.area, finding.why) == (Level.ERROR, "postfix", KIND.why)
    assert finding.commands == ("postconf -e a=b", "postfix reload")
    assert KIND.at("main.cf", "less", level=Level.NOTE).level is Level.NOTE


def test_what_was_not_seen_is_a_note() -> None:
    finding = unseen("postfix.unseen").at("Postfix", "not there")
    assert (finding.level, finding.unseen) == (Level.NOTE, True)


def test_worst() -> None:
    assert worst(()) is Level.OK
    assert worst([good("postfix", "a", "b"), KIND.at("c", "d"), KIND.at("e", "f", level=Level.NOTE)]) == 3


def test_words_are_quoted_for_the_shell() -> None:
    assert shell("postconf", "-e", "a=$b {c}") == "postconf -e 'a=$b {c}'"
