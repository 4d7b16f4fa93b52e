"""The ledger of quarantined mail as a file: what is in it, its bounds, and what a broken disk costs."""

import errno
import logging
import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mmx.aio.ledger import Ledger
from mmx.aio.throttle import Throttle
from mmx.core.action import Held, MessageRecord
from mmx.observe.claim import Claim, claim_of, line_of
from mmx.settings.model import HeldSettings

HELD = Held(10.0, (("opendmarc", b"spam"),))
RECORD = MessageRecord(
    *("s1", b"4bZxWk2", b"client", b"helo", b"<a@example.net>", 2, 0, 1432, "quarantine", b""),
    *("opendmarc", "quarantine", 0.1, (), HELD),
)
LINE = 250
"""More than the bytes of a line."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "held.jsonl"


def ledger_at(path: Path, keep: float = 1000.0, max_size: int = 1 << 20) -> Ledger:
    made = Ledger(Throttle(60.0))
    made.follow(HeldSettings(str(path), keep, max_size))
    return made


def enter(ledger: Ledger, queue_id: bytes = b"4bZxWk2", now: float = 12.0) -> None:
    ledger.enter(replace(RECORD, queue_id=queue_id), now)


def claims(path: Path) -> list[Claim]:
    found = [claim_of(line) for line in path.read_bytes().splitlines()]
    return [claim for claim in found if claim is not None]


def ids(path: Path) -> list[str]:
    return [claim.queue_id for claim in claims(path)]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def former(path: Path) -> Path:
    return path.with_name("held.jsonl.1")


def test_a_message_that_was_held_is_a_line_with_the_time_of_the_reply_to_mail(path: Path) -> None:
    before = time.time()
    enter(ledger_at(path), now=12.0)
    (claim,) = claims(path)
    assert before - 2.001 <= claim.mail_at <= time.time() - 1.999
    assert (claim.queue_id, claim.sender, claim.children) == (
        "4bZxWk2",
        "<a@example.net>",
        (("opendmarc", "spam"),),
    )


def test_only_its_user_and_its_group_may_read_it_whatever_the_umask_is(path: Path) -> None:
    before = os.umask(0o077)
    try:
        enter(ledger_at(path))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_message_that_was_not_held_is_not_in_it(path: Path) -> None:
    ledger_at(path).enter(replace(RECORD, held=None, verdict="accept"), 1.0)
    assert not path.exists()


def test_no_ledger_is_kept_where_none_is_wanted(path: Path) -> None:
    ledger = ledger_at(path)
    ledger.follow(HeldSettings(None))
    enter(ledger)
    assert not path.exists()


def test_lines_follow_each_other_and_survive_a_restart(path: Path) -> None:
    enter(ledger_at(path), b"A1")
    enter(ledger_at(path), b"A2")
    assert ids(path) == ["A1", "A2"]


def test_it_and_the_one_before_it_stay_within_the_bound(path: Path) -> None:
    ledger = ledger_at(path, max_size=10 * LINE)
    for number in range(100):
        enter(ledger, f"A{number}".encode())
        total = sum(file.stat().st_size for file in (path, former(path)) if file.exists())
        assert total <= 10 * LINE
    kept = ids(former(path)) + ids(path)
    assert kept == [f"A{number}" for number in range(100 - len(kept), 100)]
    assert len(kept) > 5


def test_it_is_turned_over_when_its_first_line_is_too_old(path: Path) -> None:
    for age, kept in ((90, ["A0", "A1"]), (110, ["A1"])):
        path.write_bytes(line_of(replace(RECORD, queue_id=b"A0"), HELD, time.time() - age))
        enter(ledger_at(path, keep=100.0), b"A1")
        assert ids(path) == kept
    assert ids(former(path)) == ["A0"]


def test_the_one_before_goes_when_its_last_line_is_too_old(path: Path) -> None:
    old = former(path)
    for age, stays in ((90, True), (110, False)):
        old.write_bytes(b"{}\n")
        os.utime(old, (time.time() - age,) * 2)
        enter(ledger_at(path, keep=100.0))
        assert old.exists() is stays


def test_a_start_forgets_what_is_too_old(path: Path) -> None:
    former(path).write_bytes(b"{}\n")
    os.utime(former(path), (1.0, 1.0))
    ledger_at(path)
    assert not former(path).exists()


def test_a_line_that_was_cut_short_spoils_no_other(path: Path) -> None:
    path.write_bytes(b'{"mail_at":1764093000.1,"queue_id":"A0","ses')
    enter(ledger_at(path), b"A1")
    assert ids(path) == ["A1"]


def test_a_full_disk_costs_a_log_line_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = ledger_at(path)
    write = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[:-99])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        enter(ledger, b"A1", now=1.0)
        enter(ledger, b"A2", now=2.0)
        enter(ledger, b"A3", now=62.0)
    enter(ledger, b"A4")
    assert ids(path) == ["A4"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    first, second = caplog.messages
    assert first.startswith(f"a quarantined message is not in the ledger: {path}: No space left on device")
    assert second.endswith("(and 1 more before)")


@pytest.mark.parametrize("what", ["missing directory", "symlink", "directory", "fifo"])
def test_what_is_no_file_of_its_own_is_not_written(
    path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    target = path.with_name("target")
    if what == "symlink":
        path.symlink_to(target)
    elif what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    else:
        path = path / "none" / "held.jsonl"
    ledger = ledger_at(path)
    caplog.clear()
    enter(ledger)
    assert len(caplog.messages) == 1
    assert not target.exists()


def test_what_cannot_be_written_is_told_of_before_it_is_needed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger_at(path)
    assert caplog.messages == []
    ledger_at(path / "none" / "held.jsonl")
    assert caplog.messages == [
        f"held.ledger: {path}/none/held.jsonl cannot be written: `mmx held` will not know who had mail held"
    ]


def test_without_a_queue_id_it_says_what_to_do(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    enter(ledger_at(path), b"")
    assert "keep i in its milter_*_macros" in caplog.messages[0]
    assert not path.exists()


def test_it_does_not_stay_open(path: Path) -> None:
    ledger = ledger_at(path)
    enter(ledger)
    before = open_files()
    path.rename(path.with_name("elsewhere"))
    enter(ledger, b"A2")
    assert ids(path) == ["A2"]
    assert open_files() == before
