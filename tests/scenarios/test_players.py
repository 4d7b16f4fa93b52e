"""Both players fail when they should, and say where and why."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios import core_player, model, socket_player
from tests.scenarios.format import parse
from tests.scenarios.player import Player
from tests.scenarios.queues import MismatchError

PATH = Path("x.scenario")
HEAD = "title: t\nrules: trap 1\nchild a:\nchild b: down unreachable=accept\n---\n"
MAIL = "M> MAIL <s@example.net>\na> MAIL <s@example.net>\n"

Play = Callable[[model.Scenario], None]


def through_sockets(scenario: model.Scenario) -> None:
    for cut in socket_player.SEGMENTATIONS:
        socket_player.play(scenario, cut)


@pytest.fixture(params=[core_player.play, through_sockets], ids=["core", "sockets"])
def play(request: pytest.FixtureRequest) -> Play:
    player: Play = request.param
    return player


@pytest.mark.parametrize(
    "steps",
    [
        MAIL + "a< CONTINUE\nM< CONTINUE",
        MAIL + 'a< REPLYCODE "451 4.7.1 later"\nM< REPLYCODE ~"451 .*"',
        MAIL + "a< closes\nM< TEMPFAIL",
        MAIL + "wait 24\nM< PROGRESS\nM< PROGRESS\nwait 2\nM< TEMPFAIL\na> closes",
        MAIL + "M> closes\na> closes",
        "M> QUIT",
        "M> raw x\nM< nothing",
        'b< listens\nM> MAIL <>\na> MAIL <>\nb> CONNECT ~".*" 4 2525 192.0.2.7\nM> closes\na,b> closes',
        "a< stops\na< closes\nM> MAIL <>\nM< TEMPFAIL",
    ],
)
def test_what_is_right_passes(play: Play, steps: str) -> None:
    ending = "a> QUIT\n" if steps == "M> QUIT" else ""
    play(parse(HEAD + steps + "\n" + ending, PATH))


@pytest.mark.parametrize(
    ("steps", "line", "said"),
    [
        (MAIL + "a< CONTINUE\nM< ACCEPT", "x.scenario:9:", "came:     M< CONTINUE"),
        (MAIL + 'a< REJECT\nM< REPLYCODE ~".*"', "x.scenario:9:", "came:     M< REJECT"),
        (MAIL + "M< CONTINUE", "x.scenario:8:", "nothing came"),
        (MAIL + "a< CONTINUE", "at the end:", "too much: M< CONTINUE"),
        (MAIL + "a< CONTINUE\nM< nothing", "x.scenario:9:", "too much: M< CONTINUE"),
        ("M> MAIL <s@example.net>", "at the end:", "too much: a> MAIL <s@example.net>"),
        ("M> frame Z", "at the end:", "too much: M< closes"),
        (MAIL + "a> closes", "x.scenario:8:", "the connection was not closed"),
        ("M< closes", "x.scenario:6:", "the connection was not closed"),
        (MAIL + "wait 26\nM< PROGRESS\nM< TEMPFAIL", "x.scenario:10:", "came:     M< PROGRESS"),
    ],
)
def test_what_is_wrong_is_found(play: Play, steps: str, line: str, said: str) -> None:
    with pytest.raises(MismatchError) as raised:
        play(parse(HEAD + steps, PATH))
    text = str(raised.value)
    assert line in text.splitlines()[0]
    assert said in text


def test_a_beginning_that_is_refused_is_found(play: Play) -> None:
    text = "title: t\nrules: trap 1\nstart: mail\nchild a: down\n---\n"
    with pytest.raises(MismatchError, match="the beginning was answered with"):
        play(parse(text, PATH))


def test_frames_after_the_end_are_found() -> None:
    player = Player(parse(HEAD, PATH))
    player.queues.put("a", b"\0\0\0\1E")
    with pytest.raises(MismatchError, match="after the MTA had gone came: a> EOM"):
        player.queues.take_farewell()


def test_a_child_that_never_answers_options_is_found(play: Play) -> None:
    text = "title: t\nrules: trap 1\nstart: negotiated\nchild a: deaf\n---\nM> CONNECT unknown U\n"
    play(parse(text + "M< nothing\nwait 5\nM< CONTINUE\na> closes\n", PATH))
