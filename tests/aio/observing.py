"""Children that observe, for the socket tests: what they answer, and the log lines about them."""

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mmx.settings.model import ChildSettings, Mode
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, frame
from mmx.wire.payload import encode_indexed_header, encode_options, encode_strings
from tests.aio.peers import CONTINUE, NO_ANSWER, Answer, FakeChild, until
from tests.aio.test_sessions import Running, child_at

REJECT = frame(reply.REPLYCODE, b"550 5.7.1 I do not like it\0")
QUARANTINE = frame(reply.QUARANTINE, b"odd\0")
ADD = frame(reply.ADDHEADER, encode_strings(b"X-Seen", b" by the observer"))
CHANGE = frame(reply.CHGHEADER, encode_indexed_header(1, b"Subject", b" other"))
BODY = frame(reply.REPLBODY, b"another body\r\n")

_FIELD = re.compile(r' ([a-z_.]+)=("[^"]*"|\S*)')


def answering(answers: Mapping[int, bytes | None], protocol: int = 0) -> Answer:
    """CONTINUE to whatever `answers` has no other answer to; every action negotiated."""

    def answer(received: bytes) -> bytes | None:
        code = received[CODE]
        if code == command.OPTNEG:
            return frame(reply.OPTNEG, encode_options(6, option.ALL_ACTIONS, protocol, {}))
        if code in NO_ANSWER or protocol & option.NO_REPLY[code]:
            return None
        return answers.get(code, CONTINUE)

    return answer


def observed(child: FakeChild, **settings: Any) -> ChildSettings:
    """The settings of a child that observes."""
    return replace(child_at(child.endpoint), mode=Mode.OBSERVE, **settings)


def records(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    """The fields of each line about an observation."""
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    return [
        {name: value.strip('"') for name, value in _FIELD.findall(line)}
        for line in lines
        if line.startswith("observed ")
    ]


async def told(caplog: pytest.LogCaptureFixture, count: int = 1) -> list[dict[str, str]]:
    """The lines about observations when there are so many."""
    await until(lambda: len(records(caplog)) >= count)
    found = records(caplog)
    assert len(found) == count
    return found


async def nothing_is_left(running: Running) -> None:
    """No observation goes on and no byte of any message is held."""
    await until(lambda: len(running.sessions.observers) == 0)
    await until(lambda: running.sessions.budget.used == 0)
