"""Playing mails to a scripted milter: sessions, messages in them, and what ends the run."""

from pathlib import Path

import pytest

from mmx.core.action import Loss
from mmx.errors import PermissionsError
from mmx.tools.mail_file import Message
from mmx.tools.mta.dialogue import Terms
from mmx.tools.mta.link import MilterLostError
from mmx.tools.mta.mta import Mta
from mmx.tools.test.run import Play, Target, Trial, run
from mmx.wire import command, option, reply
from mmx.wire.framing import frame
from tests.aio.peers import CONTINUE
from tests.tools.mta_peers import CLIENT, MESSAGE, Milter, envelope

MESSAGES = [("one", MESSAGE), ("two", Message((), b"two\r\n"))]


def play(milter: Milter, sessions: int = 1, control: str = "", *unknown: bytes) -> Play:
    target = Target("scan", milter.at, control)
    return Play(target, CLIENT, Terms(), envelope(), lambda: iter(MESSAGES), unknown, sessions)


async def played(milter: Milter, sessions: int = 1, control: str = "", *unknown: bytes) -> list[Trial]:
    trials: list[Trial] = []
    async with milter:
        await run(play(milter, sessions, control, *unknown), trials.append)
    return trials


async def test_sessions_and_their_messages(tmp_path: Path) -> None:
    milter = Milter(tmp_path / "s")
    trials = await played(milter, 2, "", b"FOO")
    assert [(trial.session, trial.name, trial.status) for trial in trials] == [
        (1, "one", "accept"),
        (1, "two", "accept"),
        (2, "one", "accept"),
        (2, "two", "accept"),
    ]
    assert milter.connections == 2
    assert milter.names.count("UNKNOWN") == 2
    events = [[line.event for line in trial.said][:4] for trial in trials[:2]]
    assert events == [["OPTNEG", "CONNECT", "HELO", "UNKNOWN"], ["MAIL", "RCPT", "DATA", "EOH"]]
    assert all(trial.seconds > 0 for trial in trials)


async def test_a_milter_that_is_lost_ends_the_run(tmp_path: Path) -> None:
    trials = await played(Milter(tmp_path / "s", {command.DATA: [frame(ord("Z"))]}), 2)
    (trial,) = trials
    assert (trial.status, trial.delivery) == ("error", None)
    assert trial.outcome.loss is not None
    assert trial.outcome.loss.detail == f"scan at unix:{tmp_path}/s answers the unknown code 0x5a to DATA"


async def test_an_edit_that_is_none(tmp_path: Path) -> None:
    broken = frame(reply.ADDHEADER, b"no end") + CONTINUE
    trial = (await played(Milter(tmp_path / "s", {command.EOM: [broken]})))[0]
    assert trial.status == "error"
    assert trial.outcome.loss is not None
    assert "sends an edit that is none" in trial.outcome.loss.detail


async def test_edits_make_the_delivery(tmp_path: Path) -> None:
    edit = frame(reply.ADDHEADER, b"X\0 1\0") + CONTINUE
    trial = (await played(Milter(tmp_path / "s", {command.EOM: [edit]}, protocol=option.HDR_LEADSPC)))[0]
    assert trial.delivery is not None
    assert trial.delivery.message.headers == (*MESSAGE.headers, (b"X", b" 1"))


async def test_without_the_control_socket_the_mail_is_played_all_the_same(tmp_path: Path) -> None:
    first, second = await played(Milter(tmp_path / "s"), 1, str(tmp_path / "control"))
    assert first.status == "accept"
    assert "what the children say is not known: there is no control socket" in first.problems[0]
    assert second.problems == []


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(MilterLostError, match="No such file"):
        await run(play(Milter(tmp_path / "s")), lambda _: None)


async def test_no_right_to_use_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def denied(*_: object) -> Mta:
        raise MilterLostError(Loss("denied", "advice for the daemon"))

    monkeypatch.setattr(Mta, "connect", denied)
    with pytest.raises(PermissionsError, match=r"scan at .*: user \S+ may not use this socket; try sudo"):
        await run(play(Milter(tmp_path / "s")), lambda _: None)
