"""A raw SMTP client: sends what a test says and records every reply byte by byte.

A step is a command line without its CRLF, or a pair ("DATA", content): the DATA command and, if the server
answers 354, the content as latin-1 text, dot-stuffed and ended here. Commands are never pipelined. Steps are
sent whatever the replies were, until the server closes the connection.
"""

import socket
from collections.abc import Sequence
from typing import BinaryIO

Step = str | tuple[str, str]

CLOSED = "<closed>"
REPLY_LIMIT = 60.0


def run_session(port: int, steps: Sequence[Step], host: str = "127.0.0.1") -> list[str]:
    """Run the steps in one connection; the replies as latin-1 text with CRLF, the greeting first.

    Where the server closes instead of replying the list ends with CLOSED.
    """
    replies: list[str] = []
    with socket.create_connection((host, port), timeout=REPLY_LIMIT) as sock, sock.makefile("rb") as lines:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            replies.append(read_reply(lines))
            for step in steps:
                _take(sock, lines, step, replies)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            replies.append(CLOSED)
    return replies


def _take(sock: socket.socket, lines: BinaryIO, step: Step, replies: list[str]) -> None:
    command = step if isinstance(step, str) else step[0]
    sock.sendall(command.encode("latin-1") + b"\r\n")
    replies.append(read_reply(lines))
    if not isinstance(step, str) and replies[-1].startswith("354"):
        sock.sendall(stuffed(step[1].encode("latin-1")))
        replies.append(read_reply(lines))


def read_reply(lines: BinaryIO) -> str:
    """One reply with all its lines. EOFError when the server closed."""
    reply = b""
    while True:
        line = lines.readline()
        if not line:
            raise EOFError
        reply += line
        if line[3:4] != b"-":
            return reply.decode("latin-1")


def stuffed(content: bytes) -> bytes:
    """The content as DATA wants it: dots doubled at the start of lines, CRLF and the final dot added."""
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
