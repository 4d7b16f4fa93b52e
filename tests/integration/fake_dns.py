"""A DNS server for the private network of the real milters: answers TXT from a table, NXDOMAIN for the rest.

Run as a program: `python fake_dns.py FILE`; each line of FILE is a name, a blank and the text. Listens on
127.0.0.1:53 over UDP and TCP, which is free in a network namespace of its own.
"""

import socket
import struct
import sys
import threading
from pathlib import Path

TXT = 16
HEADER = struct.Struct("!HHHHHH")


def answer(query: bytes, table: dict[str, str]) -> bytes:
    """The response to one query."""
    (number, flags, *_) = HEADER.unpack_from(query)
    name, end = _name(query, HEADER.size)
    question = query[HEADER.size : end + 4]
    (kind,) = struct.unpack_from("!H", query, end)
    text = table.get(name.lower())
    records = _txt(text) if text is not None and kind == TXT else b""
    # A name above a known one exists: resolvers take NXDOMAIN as said of everything below.
    exists = any(known == name.lower() or known.endswith("." + name.lower()) for known in table)
    status = 0 if exists else 3
    response_flags = 0x8480 | (flags & 0x0100) | status
    return HEADER.pack(number, response_flags, 1, 1 if records else 0, 0, 0) + question + records


def _txt(text: str) -> bytes:
    data = text.encode()
    strings = b"".join(
        bytes([len(part)]) + part for part in (data[n : n + 255] for n in range(0, len(data), 255))
    )
    return b"\xc0\x0c" + struct.pack("!HHIH", TXT, 1, 60, len(strings)) + strings


def _name(query: bytes, position: int) -> tuple[str, int]:
    labels = []
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length].decode("latin-1"))
        position += 1 + length
    return ".".join(labels), position + 1


def _serve_tcp(table: dict[str, str]) -> None:
    listening = socket.create_server(("127.0.0.1", 53))
    while True:
        connection, _ = listening.accept()
        with connection:
            size = connection.recv(2)
            if len(size) == 2:
                response = answer(connection.recv(struct.unpack("!H", size)[0]), table)
                connection.sendall(struct.pack("!H", len(response)) + response)


def main(path: Path) -> None:
    table = dict(line.split(" ", 1) for line in path.read_text().splitlines())
    threading.Thread(target=_serve_tcp, args=(table,), daemon=True).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 53))
        while True:
            query, peer = sock.recvfrom(4096)
            sock.sendto(answer(query, table), peer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
