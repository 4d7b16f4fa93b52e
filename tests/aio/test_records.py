"""Records of messages wait a moment, and nothing else can tell."""

import asyncio
import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mmx.aio.plan import make_chain
from mmx.aio.reading import read
from mmx.aio.records import MOST, Records
from mmx.aio.sessions import Sessions
from mmx.core.action import MessageRecord
from mmx.observe.log import log_first, set_up
from mmx.settings.model import LogSettings, Settings
from tests.aio.peers import until

RECORD = MessageRecord("1f00c3a7", b"Q", b"c", b"h", b"f", 1, 0, 9, "accept", b"", "", "", 0.0, ())
LONG = 3600.0
"""A linger that no test waits for."""


class Told:
    """What records told of, in order."""

    def __init__(self, linger: float = LONG) -> None:
        self.seen: list[tuple[str, float]] = []
        self.records = Records(self._note, asyncio.get_running_loop(), linger)

    def _note(self, record: MessageRecord, at: float) -> None:
        self.seen.append((record.session, at))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.seen]


async def test_without_a_linger_each_is_told_at_once() -> None:
    told = Told(0.0)
    told.records.add(RECORD)
    assert told.names == [RECORD.session]


async def test_they_are_told_together_in_order_with_their_own_times() -> None:
    told = Told(0.001)
    before = time.time()
    for name in "abc":
        told.records.add(replace(RECORD, session=name))
    after = time.time()
    assert told.names == []
    await until(lambda: bool(told.seen))
    assert told.names == ["a", "b", "c"]
    assert all(before <= at <= after for _, at in told.seen)
    told.records.add(replace(RECORD, session="d"))
    await until(lambda: len(told.seen) == 4)


async def test_whoever_asks_has_them_told_first_and_once() -> None:
    told = Told()
    told.records.add(RECORD)
    told.records.tell()
    told.records.tell()
    assert told.names == [RECORD.session]


async def test_no_more_than_a_few_wait() -> None:
    told = Told()
    for _ in range(MOST - 1):
        told.records.add(RECORD)
    assert told.names == []
    told.records.add(RECORD)
    assert len(told.names) == MOST


@pytest.fixture
async def sessions(tmp_path: Path) -> Sessions:
    settings = Settings(spool_directory=str(tmp_path))
    return Sessions(
        settings, make_chain(settings), max_sessions=1, loop=asyncio.get_running_loop(), linger=LONG
    )


async def test_a_scrape_a_look_and_a_reload_see_every_message(sessions: Sessions) -> None:
    def counted() -> int:
        return sessions.tally.messages.numbers["accept",]

    sessions.records.add(RECORD)
    assert counted() == 0
    read(sessions, settings_good=True)
    assert counted() == 1
    sessions.records.add(RECORD)
    sessions.change(Settings(), sessions.chain, max_sessions=1)
    assert counted() == 2
    sessions.records.add(RECORD)
    await sessions.drain(0)
    assert counted() == 3


async def test_lines_stay_in_order_and_together(
    sessions: Sessions, logger_restored: None, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(LogSettings())
    log_first(sessions.records.tell)
    for name in "abc":
        sessions.records.add(replace(RECORD, session=name))
    assert capsys.readouterr().err == ""
    logging.getLogger("mmx.aio").warning("no more")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in lines] == ["session=a", "session=b", "session=c", "more"]
    log_first(None)
    sessions.records.add(RECORD)
    logging.getLogger("mmx.aio").warning("nothing first")
    assert capsys.readouterr().err == "warning: nothing first\n"
    sessions.records.tell()
