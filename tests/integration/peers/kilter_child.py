"""A milter on kilter.service, a library of pure Python. Usage: kilter_child.py PORT"""

import sys

import anyio  # type: ignore[import-not-found]
from kilter.protocol.messages import (  # type: ignore[import-not-found]
    Accept,
    Discard,
    Header,
    Reject,
    ReplyCode,
)
from kilter.service import END, START, Runner, Session  # type: ignore[import-not-found]
from kilter.service.options import (  # type: ignore[import-not-found]
    examine_body,
    examine_headers,
    examine_helo,
    examine_recipients,
    examine_sender,
)

ANSWERS = {
    "accept": Accept(),
    "reject": Reject(),
    "discard": Discard(),
    "reply": ReplyCode(b"550 5.7.9 kilter says no"),
}


async def check(session: Session) -> Accept | Discard | Reject | ReplyCode:
    await session.helo()
    word = (await session.envelope_from()).strip("<>").partition("@")[0]
    if word.startswith("mail."):
        return ANSWERS[word.removeprefix("mail.")]
    recipients = [recipient async for recipient in session.envelope_recipients()]
    async with session.headers as headers:
        subjects = [header async for header in headers if header.name == "Subject"]
    size = 0
    async with session.body as chunks:
        async for chunk in chunks:
            size += len(chunk)
    if word.startswith("eom."):
        return ANSWERS[word.removeprefix("eom.")]
    await session.headers.insert(Header("X-Kilter", f"{len(recipients)} recipients".encode()), END)
    if word == "edits":
        await session.headers.update(subjects[0], b"changed by kilter")
        await session.headers.insert(Header("X-Kilter-Top", b"%d bytes" % size), START)
        await session.body.write(b"replaced by kilter\r\n")
    return Accept()


@examine_helo()  # type: ignore[untyped-decorator]
@examine_sender(can_respond=True)  # type: ignore[untyped-decorator]
@examine_recipients()  # type: ignore[untyped-decorator]
@examine_headers(can_respond=True, can_add=True, can_modify=True)  # type: ignore[untyped-decorator]
@examine_body(can_respond=True, can_replace=True)  # type: ignore[untyped-decorator]
async def child(session: Session) -> Accept | Discard | Reject | ReplyCode:
    return await check(session)


async def main() -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=int(sys.argv[1]))
    await listener.serve(Runner(child))


if __name__ == "__main__":
    anyio.run(main)
