"""The request for a trace, over a real control socket."""

import asyncio
import base64
import ipaddress
from pathlib import Path
from typing import Any

import pytest

from mmx.aio.trace import Wanted
from mmx.aio.trace_request import wanted
from mmx.errors import InvalidValueError
from mmx.wire import command
from mmx.wire.framing import CODE
from tests.aio.control_client import ControlClient
from tests.aio.peers import CONTINUE, FakeChild, until
from tests.aio.test_service import Daemon, talk


def test_a_request_without_fields_wants_all() -> None:
    assert wanted({"do": "trace", "client": None, "count": None}) == Wanted()


def test_all_fields() -> None:
    fields = {"client": "192.0.2.7/24", "queue_id": "4XyZ12", "child": "a", "count": 3, "body": 10}
    network = ipaddress.ip_network("192.0.2.0/24")
    assert wanted({"do": "trace", **fields}) == Wanted(network, b"4XyZ12", "a", 3, 10)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"client": "example.net"}, "client is no address or network; write it as in 192.0.2.0/24"),
        ({"client": 3}, "client is no string"),
        ({"queue_id": ["x"]}, "queue_id is no string"),
        ({"count": 0}, "count is not a number"),
        ({"body": 65536}, "body is not a number"),
    ],
)
def test_what_makes_no_sense(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        wanted({"do": "trace", **fields})


async def test_a_trace_until_a_message_is_done(directory: Path, child: FakeChild) -> None:
    daemon = Daemon(directory)
    daemon.write([child])
    async with daemon.running() as service:
        client = await ControlClient.connect(directory / "control.sock")
        await client.line()
        client.send({"do": "trace", "count": 1})
        await until(lambda: service._sessions.traces.running)
        mta = await talk(daemon.socket)
        assert await mta.message() == CONTINUE
        lines = await client.lines()
        assert lines.pop() == {"result": None}
        events = [line["event"] for line in lines]
        assert (events[0]["what"], events[-1]["what"]) == ("begin", "verdict")
        codes = [
            base64.b64decode(one["data"])[CODE] for one in events if one["what"] == "in" and not one["child"]
        ]
        assert codes[-1] == command.EOM
        await until(lambda: not service._sessions.traces.running)
        await client.close()
        await mta.close()


async def test_a_client_that_goes_away_ends_it(directory: Path, child: FakeChild) -> None:
    daemon = Daemon(directory)
    daemon.write([child])
    async with daemon.running() as service:
        client = await ControlClient.connect(directory / "control.sock")
        client.send({"do": "trace"})
        await until(lambda: service._sessions.traces.running)
        await client.close()
        await until(lambda: not service._sessions.traces.running)
        await asyncio.sleep(0)
