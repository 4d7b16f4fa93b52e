from mmx.tools.colour import Paint
from mmx.tools.demo.milters import MESSAGE, Moment
from mmx.tools.demo.mta import Exchange, Message, Outcome
from mmx.tools.demo.scenes import Performance, Scene
from mmx.tools.demo.text import WIDTH, dialogue, difference, ladder, tell

PLAIN = Paint(colours=False)
COLOURED = Paint(colours=True)
MAIL = Message("<a@example.net>", ("<b@example.org>",), (("Subject", " x"),), ("one", "two"))


def performance(
    *exchanges: Exchange,
    moments: tuple[Moment, ...] = (),
    keep_alives: tuple[float, ...] = (),
    delivered: list[str] | None = None,
    down: frozenset[str] = frozenset(),
    log: tuple[str, ...] = (),
) -> Performance:
    outcome = Outcome(list(exchanges), list(keep_alives), delivered)
    return Performance(Scene("title", "words", MAIL), ("one", "two"), down, outcome, moments, log)


CONNECT = Exchange("CONNECT", 5.0, 5.001, "220 hello")
GREETED = (
    Moment("one", "CONNECT", 5.0, 5.0, "continue"),
    Moment("two", "CONNECT", 5.0, 5.0, "continue"),
)


def test_dialogue_leaves_out_what_says_nothing() -> None:
    lines = dialogue(
        performance(
            CONNECT,
            Exchange("MAIL", 5.1, 5.2, "250 2.1.0 Ok"),
            Exchange("RCPT <b@example.org>", 5.2, 5.3, "450 later"),
        ),
        PLAIN,
    )
    assert list(lines) == [
        "MAIL FROM:<a@example.net>       250 2.1.0 Ok",
        "RCPT TO:<b@example.org>         450 later",
    ]


def test_dialogue_tells_a_refused_connection() -> None:
    refused = performance(Exchange("CONNECT", 5.0, 5.1, "554 5.7.1 no"))
    assert list(dialogue(refused, PLAIN)) == ["connect                         554 5.7.1 no"]


def test_difference_is_a_unified_diff() -> None:
    lines = difference(performance(CONNECT, delivered=["Subject: x", "X: y", "", "one", "three"]), PLAIN)
    assert lines[:2] == ["--- as it came", "+++ as it goes on"]
    assert lines[2:] == ["@@ -1,4 +1,5 @@", " Subject: x", "+X: y", " ", " one", "-two", "+three"]


def test_difference_of_what_is_unchanged_or_not_delivered() -> None:
    unchanged = performance(CONNECT, delivered=MAIL.lines())
    assert difference(unchanged, PLAIN) == ["(the message goes on as it came)"]
    assert difference(performance(CONNECT), PLAIN) == ["(the message is not delivered)"]


def test_ladder_joins_quiet_steps_and_spreads_the_content() -> None:
    played = performance(
        CONNECT,
        Exchange(MESSAGE, 5.010, 5.700, "250 2.0.0 Ok"),
        moments=(
            *GREETED,
            Moment("two", MESSAGE, 5.200, 5.650, "+X"),
            Moment("one", MESSAGE, 5.012, 5.015, "continue"),
        ),
        keep_alives=(5.4,),
    )
    assert ladder(played, PLAIN) == [
        "    ms  step            one            two            SMTP client",
        "   0.0  CONNECT         continue       continue       220",
        "  12.0  message         continue 3.0",
        "   200                                 +X 450",
        "   400                                                (wait)",
        "   700                                                250",
    ]


def test_ladder_ends_with_quiet_steps_too() -> None:
    helo = Exchange("HELO", 5.001, 5.002, "250 hello")
    moments = (*GREETED, *(Moment(name, "HELO", 5.0, 5.0, "continue") for name in ("one", "two")))
    assert ladder(performance(CONNECT, helo, moments=moments), PLAIN)[1:] == [
        "   0.0  CONNECT...HELO  continue       continue       250",
    ]


def test_ladder_tells_who_is_down_and_who_never_heard() -> None:
    played = performance(
        CONNECT,
        Exchange("RCPT <b@example.org>", 5.1, 5.2, "550 no"),
        moments=(GREETED[0], Moment("one", "RCPT <b@example.org>", 5.1, 5.2, "550")),
        down=frozenset({"two"}),
    )
    assert ladder(played, PLAIN)[1:] == [
        "   0.0  CONNECT         continue       is down        220",
        "   100  RCPT b          550 100",
        "   200                                 is down        550",
    ]


def test_colours_change_no_character() -> None:
    played = performance(
        CONNECT,
        Exchange("MAIL", 5.1, 5.2, "451 later"),
        moments=GREETED,
        delivered=["Subject: y"],
        log=("warning: " + "long words " * 30,),
    )
    plain = list(tell(1, played, PLAIN))
    coloured = "\n".join(tell(1, played, COLOURED))
    assert max(map(len, plain)) <= WIDTH
    for code in ("1", "2", "31", "32", "33", "36"):
        assert f"\033[{code}m" in coloured
        coloured = coloured.replace(f"\033[{code}m", "")
    assert coloured.replace("\033[0m", "").splitlines() == "\n".join(plain).splitlines()
