"""The messages of a benchmark."""

from pathlib import Path

import pytest

from mmx.errors import InvalidValueError, UnavailableError
from mmx.tools.bench import mail as bench_mail
from mmx.tools.bench.mail import Sizes, from_files, made_up, parse_sizes, size_of
from mmx.tools.bench.smtp import content


@pytest.mark.parametrize(
    ("text", "sizes", "shown"),
    [
        ("2000", Sizes(2000, 2000), "2000B"),
        ("10KiB", Sizes(10240, 10240), "10KiB"),
        ("500-1MiB", Sizes(500, 1 << 20), "500B-1MiB"),
    ],
)
def test_sizes(text: str, sizes: Sizes, shown: str) -> None:
    assert parse_sizes(text) == sizes
    assert str(sizes) == shown


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a size"),
        ("10K", "not a size"),
        ("1-", "not a size"),
        ("-5", "not a size"),
        ("2KiB-1KiB", "the first size is the larger one"),
        ("1GiB", "too large; write at most 64MiB"),
    ],
)
def test_no_sizes(text: str, complaint: str) -> None:
    with pytest.raises(InvalidValueError, match=complaint):
        parse_sizes(text)


@pytest.mark.parametrize("size", [500, 1000, 10_240])
def test_made_up_messages_have_their_size(size: int) -> None:
    (message,) = made_up(Sizes(size, size), "a@example.net", "b@example.org")
    assert size_of(message) == len(content(message)) - len(".\r\n")
    assert size_of(message) == pytest.approx(size, abs=2)
    assert message.body.endswith(b"\r\n")


def test_sizes_of_a_range_differ_and_are_the_same_the_next_time() -> None:
    first, second = (made_up(Sizes(500, 50_000), "a@b.c", "d@e.f") for _ in range(2))
    sizes = [size_of(message) for message in first]
    assert len(set(sizes)) > 100
    assert min(sizes) < 5_000
    assert max(sizes) > 45_000
    assert sizes == [size_of(message) for message in second]


def test_large_ones_are_few() -> None:
    messages = made_up(Sizes(60 << 20, 64 << 20), "a@b.c", "d@e.f")
    assert sum(map(size_of, messages)) < bench_mail.MOST_BYTES + bench_mail.LARGEST


def test_messages_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.eml"
    path.write_text("Subject: x\n\nbody\n")
    assert [message.body for message in from_files([str(path), str(path)])] == [b"body\r\n"] * 2
    monkeypatch.setattr(bench_mail, "MOST_MESSAGES", 1)
    with pytest.raises(UnavailableError, match="name fewer"):
        from_files([str(path), str(path)])


def test_no_message_in_files(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with pytest.raises(UnavailableError, match="there is no message"):
        from_files([str(tmp_path)])
