"""Mail in files, in each form."""

import io
from pathlib import Path

import pytest

from mmx.errors import UnavailableError
from mmx.tools import mail_file
from mmx.tools.mail_file import Message, built_in, parse_message, read_messages

SUBJECT = (b"Subject", b" x")


@pytest.mark.parametrize(
    ("text", "headers", "body"),
    [
        (b"", (), b""),
        (b"\nbody\n", (), b"body\r\n"),
        (b"Subject: x\n\nbody\n", (SUBJECT,), b"body\r\n"),
        (b"Subject: x\r\n\r\nbody\r\n\r\n", (SUBJECT,), b"body\r\n\r\n"),
        (b"From a@b Mon\nTo:y\nSubject : x\n", ((b"To", b"y"), SUBJECT), b""),
        (b"A: 1\n 2\n\t3\nB: 4\n\n", ((b"A", b" 1\n 2\n\t3"), (b"B", b" 4")), b""),
        (b"A: 1\nno header\nB: 4\n", ((b"A", b" 1"),), b"no header\r\nB: 4\r\n"),
        (b" folded first\n", (), b" folded first\r\n"),
        (b"A: 1", ((b"A", b" 1"),), b""),
    ],
)
def test_one_message(text: bytes, headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> None:
    assert parse_message(text) == Message(headers, body)


def test_lines_and_text() -> None:
    message = parse_message(b"A: 1\n 2\n\none\n\ntwo")
    assert message.lines() == [b"A: 1", b" 2", b"", b"one", b"", b"two"]
    assert message.text() == b"A: 1\n 2\n\none\n\ntwo\n"
    assert parse_message(message.text()).lines() == message.lines()
    assert Message((SUBJECT,), b"").lines() == [b"Subject: x", b""]


def test_the_built_in_message_is_whole() -> None:
    message = built_in("a@b", "c@d")
    assert {name for name, _ in message.headers} >= {b"From", b"To", b"Date", b"Message-Id"}
    assert message.body.endswith(b"\r\n")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_mbox(tmp_path: Path, end: str) -> None:
    lines = ["From a@b Mon", "Subject: x", "", "one", "From here on", ">From z", ">>From z", ""]
    lines += ["From c@d Tue", "Subject: x", "", "two", ""]
    (tmp_path / "box").write_bytes("".join(line + end for line in lines).encode())
    (first, one), (second, two) = read_messages([str(tmp_path / "box")])
    assert (first, second) == (f"{tmp_path}/box:1", f"{tmp_path}/box:2")
    assert one == Message((SUBJECT,), b"one\r\nFrom here on\r\nFrom z\r\n>From z\r\n")
    assert two == Message((SUBJECT,), b"two\r\n")


def test_maildir(tmp_path: Path) -> None:
    for name in ("cur/b", "new/c", "new/a", "tmp/half", "new/.hidden"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(f"Subject: {name}\n\n".encode())
    read = list(read_messages([str(tmp_path)]))
    assert [message.headers[0][1] for _, message in read] == [b" new/a", b" new/c", b" cur/b"]
    assert read[0][0] == f"{tmp_path}/new/a"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Subject: x\r\n\r\none\r\n")))
    assert list(read_messages(["-"])) == [("standard input", Message((SUBJECT,), b"one\r\n"))]


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match=r"cannot read .*/none: No such file or directory"):
        list(read_messages([str(tmp_path / "none")]))
    with pytest.raises(UnavailableError, match="no Maildir: it has neither new nor cur"):
        list(read_messages([str(tmp_path)]))
    monkeypatch.setattr(mail_file, "LARGEST", 10)
    for text in (b"Subject: too long\n", b"From a\nSubject: too\n"):
        (tmp_path / "large").write_bytes(text)
        with pytest.raises(UnavailableError, match="a message of more than"):
            list(read_messages([str(tmp_path / "large")]))
