"""What can be asked of a running daemon, over its real control socket."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mmx.aio import service as module
from mmx.aio.control import user_name
from mmx.aio.service import Service
from mmx.settings.load import load
from mmx.wire import command
from mmx.wire.framing import CODE, frame
from tests.aio.control_client import ControlClient, ask
from tests.aio.peers import CONTINUE, FakeChild, answer_continue, until
from tests.aio.test_service import Daemon, talk


@pytest.fixture
def daemon(directory: Path) -> Daemon:
    return Daemon(directory)


@pytest_asyncio.fixture
async def second(directory: Path) -> AsyncIterator[FakeChild]:
    async with FakeChild(directory / "second.sock") as made:
        yield made


async def result(daemon: Daemon, **request: Any) -> Any:
    """The result, or the error with its exit status."""
    last = (await ask(daemon.directory / "control.sock", **request))[-1]
    return last.get("result", last)


def mails(child: FakeChild) -> int:
    return child.commands.count(command.MAIL)


async def state_of(daemon: Daemon, child: str) -> str:
    status = await result(daemon, do="status")
    (found,) = [one["state"] for one in status["children"] if one["name"] == child]
    return str(found)


async def test_a_disabled_child_sees_nothing_from_the_next_mail_on(
    daemon: Daemon, child: FakeChild, second: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.write([child, second])
    async with daemon.running():
        mta = await talk(daemon.socket)
        assert await mta.envelope() == CONTINUE
        assert await result(daemon, do="disable", child="second") == {"child": "second", "until": None}
        assert await mta.content() == CONTINUE
        assert second.commands[-1] == command.EOM, "the message under way is finished with it"
        assert await mta.message() == CONTINUE
        other = await talk(daemon.socket)
        assert await other.message() == CONTINUE
        assert (mails(child), mails(second)) == (3, 1)
        assert await state_of(daemon, "second") == "disabled"
        assert await result(daemon, do="enable", child="second") == {"child": "second", "was_out": True}
        assert await result(daemon, do="enable", child="second") == {"child": "second", "was_out": False}
        for one in (mta, other):
            assert await one.message() == CONTINUE
            await one.close()
        assert (mails(child), mails(second)) == (5, 3)
    who = f"{user_name(os.getuid())} (uid {os.getuid()})"
    assert f"child second is disabled until the next reload by {who}: new messages pass" in caplog.text


async def test_disabled_for_a_time(daemon: Daemon, child: FakeChild, second: FakeChild) -> None:
    daemon.write([child, second])
    async with daemon.running() as service:
        answer = await result(daemon, do="disable", child="second", seconds=1.0)
        assert 0 < answer["until"] - time.time() <= 1.0
        mta = await talk(daemon.socket)
        assert await mta.message() == CONTINUE
        assert mails(second) == 0
        await until(lambda: service.status().children[1].state == "up")
        assert await mta.message() == CONTINUE
        assert mails(second) == 1
        await mta.close()


async def test_a_reload_ends_it(daemon: Daemon, child: FakeChild, second: FakeChild) -> None:
    daemon.write([child, second])
    async with daemon.running():
        await result(daemon, do="disable", child="second", seconds=3600)
        outcome = await result(daemon, do="reload")
        assert (outcome["status"], outcome["changes"]) == (0, ["child second enabled again"])
        assert await state_of(daemon, "second") == "up"


async def test_a_reload_tells_what_changed(daemon: Daemon, child: FakeChild, second: FakeChild) -> None:
    daemon.write([child])
    async with daemon.running():
        assert (await result(daemon, do="reload"))["changes"] == ["no change"]
        daemon.write([child, second])
        outcome = await result(daemon, do="reload")
        assert (outcome["status"], outcome["changes"]) == (0, ["child second added"])
        status = await result(daemon, do="status")
        assert [one["name"] for one in status["children"]] == ["child", "second"]
        assert status["history"]["reloads"][0]["text"] == "child second added"


async def test_a_reload_that_fails_tells_every_problem(daemon: Daemon, child: FakeChild) -> None:
    daemon.write([child])
    async with daemon.running():
        await result(daemon, do="disable", child="child")
        daemon.write([child], *(f"wrong{number}: 1" for number in range(20)))
        outcome = await result(daemon, do="reload")
        assert outcome["status"] == 78
        assert len(outcome["problems"]) == 20
        assert outcome["changes"] == ["the settings are wrong; the former settings stay in force"]
        assert await state_of(daemon, "child") == "disabled", "nothing has changed"
        daemon.write([child], listen=daemon.directory / "missing" / "mmx.sock")
        outcome = await result(daemon, do="reload")
        assert outcome["status"] == 69
        assert "missing" in outcome["problems"][0]


async def test_reloads_asked_for_together(daemon: Daemon, child: FakeChild) -> None:
    daemon.write([child])
    async with daemon.running():
        outcomes = await asyncio.gather(*(result(daemon, do="reload") for _ in range(5)))
        assert [outcome["status"] for outcome in outcomes] == [0] * 5


async def test_a_stop_ends_a_reload_that_waits(
    daemon: Daemon, child: FakeChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.write([child])
    async with daemon.running() as service:
        go_on = asyncio.Event()

        async def slow(self: Service) -> None:
            await go_on.wait()

        monkeypatch.setattr(module.Service, "_reload", slow)
        service.reload()
        await asyncio.sleep(0)
        waiting = asyncio.create_task(result(daemon, do="reload"))
        await until(lambda: service._reload_waiters)
        service.stop()
        go_on.set()
        assert await waiting == {"error": "mmx is stopping", "status": 69}


async def test_a_drain_waits_for_the_messages_of_the_child(
    daemon: Daemon, child: FakeChild, second: FakeChild
) -> None:
    daemon.write([child, second])
    async with daemon.running():
        mta = await talk(daemon.socket)
        assert await mta.envelope() == CONTINUE
        client = await ControlClient.connect(daemon.directory / "control.sock")
        await client.line()
        client.send({"do": "drain", "child": "second"})
        assert await client.line() == {"event": {"messages": 1}}
        assert await state_of(daemon, "second") == "draining"
        assert await mta.content() == CONTINUE
        assert await client.lines() == [{"result": {"child": "second", "until": None, "messages": 0}}]
        assert await state_of(daemon, "second") == "disabled"
        second.cut()
        assert await mta.message() == CONTINUE
        assert mails(second) == 1
        await client.close()
        await mta.close()


async def test_a_drain_does_not_wait_for_ever(daemon: Daemon, child: FakeChild) -> None:
    daemon.write([child])
    async with daemon.running():
        mta = await talk(daemon.socket)
        assert await mta.envelope() == CONTINUE
        answer = await result(daemon, do="drain", child="child", wait=0)
        assert answer["messages"] == 1
        assert await mta.content() == CONTINUE
        await mta.close()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"do": "disable"}, "known are child"),
        ({"do": "disable", "child": "other"}, "known are child"),
        ({"do": "drain", "child": ["child"]}, "known are child"),
        ({"do": "enable", "child": {}}, "known are child"),
        ({"do": "disable", "child": "child", "seconds": "ten"}, "seconds is not a number"),
        ({"do": "disable", "child": "child", "seconds": True}, "seconds is not a number"),
        ({"do": "disable", "child": "child", "seconds": 1e99}, "seconds is not a number"),
        ({"do": "disable", "child": "child", "seconds": -1}, "seconds is not a number"),
        ({"do": "drain", "child": "child", "wait": float("nan")}, "wait is not a number"),
        ({"do": "sessions", "count": 0}, "count is not a number"),
    ],
)
async def test_requests_that_make_no_sense(
    daemon: Daemon, child: FakeChild, request_: dict[str, Any], said: str
) -> None:
    daemon.write([child])
    async with daemon.running():
        answer = await result(daemon, **request_)
        assert answer["status"] == 64
        assert said in answer["error"]
        assert await state_of(daemon, "child") == "up"


async def test_the_sessions_that_are_open(daemon: Daemon, child: FakeChild) -> None:
    silent = lambda received: None if received[CODE] == command.EOM else answer_continue(received)  # noqa: E731
    daemon.write([child])
    async with daemon.running():
        path = daemon.directory / "control.sock"
        assert (await ask(path, do="sessions"))[-1]["result"]["open"] == 0
        first = await talk(daemon.socket)
        child.answer = silent
        assert await first.envelope() == CONTINUE
        await first.send(frame(command.EOM))
        await until(lambda: any(received[CODE] == command.EOM for received in child.frames))
        rest = [await talk(daemon.socket) for _ in range(3)]
        *events, last = await ask(path, do="sessions", count=2)
        assert last["result"]["open"] == 4
        told = [event["event"] for event in events]
        assert len(told) == 2
        assert (told[0]["stage"], told[0]["queue_id"]) == ("end of message", "4XyZ12")
        assert [name for name, _ in told[0]["waits_for"]] == ["child"]
        for mta in (first, *rest):
            await mta.close()


async def test_the_settings_in_force(daemon: Daemon, child: FakeChild) -> None:
    daemon.write([child])
    async with daemon.running():
        daemon.file.write_text(daemon.file.read_text().replace("children:", "name_in_reply: true\nchildren:"))
        answer = await result(daemon, do="config")
        shown = daemon.directory / "shown.yaml"
        shown.write_text(answer["text"])
        assert load(shown).settings.name_in_reply is False
        assert load(daemon.file).settings.name_in_reply is True
        assert "name_in_reply" in answer["json"]


async def test_no_control_socket(daemon: Daemon, child: FakeChild) -> None:
    daemon.write([child])
    text = daemon.file.read_text()
    control = daemon.directory / "control.sock"
    daemon.file.write_text(text.replace(f"control_socket: {control}", "control_socket: null"))
    async with daemon.running() as service:
        assert not control.exists()
        daemon.file.write_text(text)
        service.reload()
        await until(control.exists)
        assert (await result(daemon, do="status"))["version"]
    assert not control.exists()
