"""The milters of the demonstration, spoken to frame by frame."""

import asyncio
from pathlib import Path
from typing import Self

import pytest

from mmx.tools.demo.milters import MESSAGE, SENT_AWAY, Footer, Milter, Moment, Scan, Stamp, Words
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, frame

OPTNEG = frame(command.OPTNEG, payload.encode_options(6, 0x1FF, 0x1FFFFF, {}))
CONTENT = (
    frame(command.HEADER, payload.encode_strings(b"Subject", b"x")),
    frame(command.EOH),
    frame(command.BODY, b"win at the casino\r\n"),
    frame(command.EOM),
)


class Talk:
    """What a test says to a milter, and what it hears."""

    def __init__(self, milter: Milter, directory: Path) -> None:
        self._milter = milter
        self._directory = directory

    async def __aenter__(self) -> Self:
        await self._milter.start(self._directory)
        path = self._directory / f"{self._milter.name}.sock"
        self._reader, self._writer = await asyncio.open_unix_connection(str(path))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._milter.stop(self._directory)
        assert not self._milter.is_up
        assert not self._milter.conversations

    def say(self, *frames: bytes) -> None:
        self._writer.write(b"".join(frames))

    async def hears(self) -> bytes:
        """The next frame, empty at the end."""
        prefix = await self._reader.read(CODE)
        return prefix + await self._reader.readexactly(int.from_bytes(prefix, "big")) if prefix else b""


@pytest.fixture
def moments() -> list[Moment]:
    return []


async def verdict(talk: Talk, frames: tuple[bytes, ...] = CONTENT) -> list[bytes]:
    """Replies to the end of message."""
    talk.say(OPTNEG, *frames)
    for _ in frames:
        await talk.hears()
    heard = [await talk.hears()]
    while heard[-1] and heard[-1][CODE] in reply.EDITS:
        heard.append(await talk.hears())
    return heard


def code_names(frames: list[bytes]) -> list[str]:
    return [reply.NAMES[received[CODE]] if received else "end" for received in frames]


async def test_stamp_adds_its_header(tmp_path: Path, moments: list[Moment]) -> None:
    async with Talk(Stamp(moments.append), tmp_path) as talk:
        assert code_names(await verdict(talk)) == ["ADDHEADER", "CONTINUE"]
    assert [(moment.step, moment.said) for moment in moments] == [(MESSAGE, "+X-Stamp")]
    assert moments[0].began <= moments[0].ended


async def test_words_refuses_the_word_and_the_recipient(tmp_path: Path, moments: list[Moment]) -> None:
    recipient = frame(command.RCPT, b"<nobody@example.org>\0")
    async with Talk(Words(moments.append), tmp_path) as talk:
        talk.say(OPTNEG, recipient)
        assert payload.decode_options((await talk.hears())[DATA:]).actions == 0
        assert (await talk.hears())[DATA:] == b"550 5.1.1 No such user here\0"
        talk.say(*CONTENT)
        assert [(await talk.hears())[CODE] for _ in CONTENT] == [reply.CONTINUE] * 3 + [reply.REPLYCODE]
    assert [moment.said for moment in moments] == ["550", "550"]


async def test_scan_takes_its_time_and_may_be_sent_away(tmp_path: Path, moments: list[Moment]) -> None:
    scan = Scan(moments.append)
    scan.pause = 0.05
    async with Talk(scan, tmp_path) as talk:
        assert code_names(await verdict(talk)) == ["ADDHEADER", "CONTINUE"]
        assert moments[0].ended - moments[0].began >= 0.04
        scan.pause = 30.0
        talk.say(*CONTENT)
        for _ in CONTENT[:-1]:
            await talk.hears()
        talk.say(frame(command.QUIT))
        assert await talk.hears() == b""
    assert [moment.said for moment in moments] == ["+X-Scan", SENT_AWAY]


async def test_footer_replaces_the_body(tmp_path: Path, moments: list[Moment]) -> None:
    footer = Footer(moments.append)
    async with Talk(footer, tmp_path) as talk:
        heard = await verdict(talk)
        assert code_names(heard) == ["ADDHEADER", "REPLBODY", "REPLBODY", "CONTINUE"]
        body = heard[1][DATA:] + heard[2][DATA:]
        assert body == b"win at the casino\r\n==> a footer for every mail\r\n"
    assert footer.actions == option.ADDHDRS | option.CHGBODY


async def test_footer_dies_half_way(tmp_path: Path, moments: list[Moment]) -> None:
    footer = Footer(moments.append)
    footer.dies = True
    async with Talk(footer, tmp_path) as talk:
        assert code_names(await verdict(talk)) == ["ADDHEADER", "REPLBODY", "end"]
    assert [moment.said for moment in moments] == ["dies"]


async def test_abort_forgets_the_message(tmp_path: Path, moments: list[Moment]) -> None:
    async with Talk(Words(moments.append), tmp_path) as talk:
        talk.say(OPTNEG, *CONTENT[:3], frame(command.ABORT), frame(command.MAIL, b"<a@example.net>\0"))
        for _ in range(5):
            await talk.hears()
        talk.say(frame(command.EOM))
        assert code_names([await talk.hears()]) == ["CONTINUE"]
    assert [moment.said for moment in moments] == [SENT_AWAY, "continue", "continue"]
