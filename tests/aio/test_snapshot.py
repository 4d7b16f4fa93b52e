"""The picture of a running daemon."""

from dataclasses import replace
from pathlib import Path

from mmx.aio.plan import make_chain
from mmx.aio.snapshot import STAGES, take
from mmx.core.action import Loss
from mmx.observe.status import DOWN, UNKNOWN, UP, Status
from mmx.settings.detected import Detection, Skipped
from mmx.settings.load import Loaded
from mmx.settings.model import ChildSettings, Mode
from mmx.wire import command
from mmx.wire.framing import CODE, frame
from tests.aio.peers import CONTINUE, FakeChild, answer_continue, until
from tests.aio.test_sessions import Running, child_at

AT = 1_000_000.0


def picture(running: Running) -> Status:
    loaded = Loaded(running.settings, {"children.child.endpoint": "mmx.yaml:3"})
    return take(
        running.sessions,
        loaded,
        at=AT,
        started=AT - 60,
        listeners=("unix:/run/mmx.sock",),
        path="/etc/mmx/mmx.yaml",
        settings_good=True,
    )


def at(status: Status) -> dict[str, int]:
    return {stage: count for stage, count in status.sessions.items() if count}


async def test_a_session_is_at_a_stage(directory: Path, child: FakeChild) -> None:
    running = Running(directory, child.endpoint)
    silent = lambda received: None if received[CODE] == command.EOM else answer_continue(received)  # noqa: E731
    async with running.serving():
        assert at(picture(running)) == {}
        mta = await running.mta()
        assert at(picture(running)) == {"between messages": 1}
        assert await mta.envelope() == CONTINUE
        assert at(picture(running)) == {"data": 1}
        await mta.send(frame(command.EOH))
        await until(lambda: at(picture(running)) == {"content": 1})
        child.answer = silent
        await mta.send(frame(command.EOM))
        await until(lambda: at(picture(running)) == {"end of message": 1})
        await until(lambda: picture(running).children[0].waiting == 1)
        assert picture(running).children[0].connections == 1
        await until(lambda: picture(running).children[0].oldest_wait > 0.0)
        assert set(picture(running).sessions) == set(STAGES)


async def test_a_child_is_up_once_it_was_met(directory: Path, child: FakeChild) -> None:
    running = Running(directory, child.endpoint)
    async with running.serving():
        (before,) = picture(running).children
        assert (before.state, before.origin, before.endpoint) == (UNKNOWN, "mmx.yaml:3", child.endpoint)
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        (after,) = picture(running).children
        assert (after.state, after.since, after.why) == (UP, 0.0, "")
        assert after.history.verdicts == {"continue": 1}
        assert picture(running).history.decisions[0].verdict == "accept"


async def test_a_child_that_observes_comes_last(directory: Path, child: FakeChild) -> None:
    running = Running(directory, child.endpoint)
    observer = replace(child_at("unix:/new"), mode=Mode.OBSERVE)
    settings = replace(running.settings, children=(observer, *running.settings.children))
    running.sessions.change(settings, make_chain(settings), max_sessions=10)
    assert [(one.name, one.observes) for one in picture(running).children] == [
        ("child", False),
        ("new", True),
    ]


async def test_conditions_of_a_child(directory: Path, child: FakeChild) -> None:
    running = Running(directory, child.endpoint)
    assert picture(running).children[0].when == ""
    (made,) = running.settings.children
    running.settings = replace(
        running.settings, children=(replace(made, when=("remote", "not authenticated")),)
    )
    assert picture(running).children[0].when == "remote, not authenticated"


async def test_a_child_that_is_gone(directory: Path) -> None:
    running = Running(directory, f"unix:{directory}/none.sock")
    async with running.serving():
        mta = await running.mta()
        await mta.message()
        (child,) = picture(running).children
        assert child.state == DOWN
        assert child.why.startswith("missing: ")
        assert AT - 10 <= child.since <= AT
        assert child.history.failures["missing"] >= 1
        assert child.history.default_actions == {"tempfail": 1}


async def test_a_child_down_from_the_start(directory: Path, child: FakeChild) -> None:
    running = Running(directory, child.endpoint)
    async with running.serving():
        (plan,) = running.sessions.chain.children
        running.sessions.greeted(plan, Loss("refused", "nobody listens"))
        assert picture(running).children[0].why == "refused: nobody listens"
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        assert picture(running).children[0].state == UP


async def test_what_is_left_out_of_the_chain(directory: Path, child: FakeChild) -> None:
    running = Running(directory, child.endpoint)
    others = (
        ChildSettings("off", enabled=False),
        ChildSettings("lost"),
        replace(child_at("unix:/try"), mode=Mode.OBSERVE),
    )
    loaded = Loaded(
        replace(running.settings, children=(*running.settings.children, *others)),
        {},
        detection=Detection(skipped=(Skipped("rspamd", "disabled"),)),
    )
    status = take(running.sessions, loaded, at=AT, started=AT, listeners=(), path="", settings_good=True)
    in_chain = {plan.name for plan in make_chain(loaded.settings).everybody}
    left_out = dict(status.left_out)
    assert left_out["off"] == "enabled: no"
    assert left_out["lost"] == "not found, and no endpoint"
    assert left_out["rspamd"] == "disabled"
    assert set(left_out) | in_chain == {"child", "off", "lost", "try", "rspamd"}
    assert "children:" in status.settings_text


async def test_words_of_the_default_action(directory: Path) -> None:
    running = Running(directory, "unix:/nowhere")
    assert picture(running).children[0].default_action == "tempfail"
