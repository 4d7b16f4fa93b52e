"""The ledger read and laid over the queue: by queue id and time, from files that are not trusted."""

import os
from pathlib import Path

import pytest

from mmx.errors import PermissionsError, UnavailableError
from mmx.observe.claim import Claim
from mmx.tools.held.ledger import MOST_CLAIMS, HeldMail, lay_over, read_ledger
from mmx.tools.held.queue import QueuedMail
from tests.tools.held_programs import ARRIVED, claimed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "held.jsonl"


def mail(queue_id: str = "A1", arrived: int = ARRIVED) -> QueuedMail:
    return QueuedMail(queue_id, arrived, 1, "a", ("b",), 1)


def laid(path: Path, *mails: QueuedMail) -> list[HeldMail]:
    return lay_over(mails, read_ledger(path, [one.queue_id for one in mails]))


def reasons(held: HeldMail) -> list[str]:
    return [reason for _, reason in held.claim.children] if held.claim else []


@pytest.mark.parametrize("late", [-1.9, 0.0, 0.999, 1.9])
def test_a_message_is_claimed_by_its_id_and_its_time(path: Path, late: float) -> None:
    path.write_bytes(claimed("A2", a="other") + claimed("A1", ARRIVED + late, opendmarc="p=quarantine"))
    (held,) = laid(path, mail())
    assert held.claim is not None
    assert held.claim.children == (("opendmarc", "p=quarantine"),)
    assert held.is_of("opendmarc")
    assert not held.is_of("rspamd")


@pytest.mark.parametrize("late", [-2.1, 2.1, -86400])
def test_a_message_with_a_used_id_is_not_claimed(path: Path, late: float) -> None:
    path.write_bytes(claimed("A1", ARRIVED - 9e6, a="long ago") + claimed("A1", ARRIVED + late, a="before"))
    (held,) = laid(path, mail())
    assert held.claim is None
    assert held.before is not None
    assert held.before.mail_at == ARRIVED + late


def test_of_several_claims_the_nearest_counts(path: Path) -> None:
    for late in (-1.5, 0.25, 1.5):
        with path.open("ab") as file:
            file.write(claimed("A1", ARRIVED + late, a=f"{late}"))
    assert reasons(laid(path, mail())[0]) == ["0.25"]


def test_mail_that_nobody_claims(path: Path) -> None:
    path.write_bytes(claimed("A2", a="x"))
    assert laid(path, mail()) == [HeldMail(mail())]


def test_the_former_ledger_counts_too_and_a_missing_one_is_empty(path: Path) -> None:
    assert laid(path, mail()) == [HeldMail(mail())]
    path.with_name("held.jsonl.1").write_bytes(claimed("A1", a="former"))
    assert reasons(laid(path, mail())[0]) == ["former"]


def test_the_latest_claims_are_kept_and_those_are_in_the_current_ledger(path: Path) -> None:
    old = b"".join(claimed("A1", ARRIVED - 9e5 + number, a="x") for number in range(MOST_CLAIMS))
    path.with_name("held.jsonl.1").write_bytes(old)
    path.write_bytes(claimed("A1", a="new"))
    assert reasons(laid(path, mail())[0]) == ["new"]


def test_torn_and_foreign_lines_are_passed_over(path: Path) -> None:
    whole = claimed("A1", a="good")
    path.write_bytes(b"\x00\xff\n" + whole[:40] + b"\n\n" + b"x" * (1 << 20) + b"\n" + whole + whole[:60])
    assert reasons(laid(path, mail())[0]) == ["good"]


def test_what_a_ledger_claims_of_one_id_is_bounded(path: Path) -> None:
    path.write_bytes(
        b"".join(claimed("A1", ARRIVED - 9.0 - number, a="x") for number in range(MOST_CLAIMS * 3))
    )
    found = read_ledger(path, ["A1"])
    assert len(list(found["A1"])) == MOST_CLAIMS
    assert all(isinstance(claim, Claim) for claim in found["A1"])


@pytest.mark.parametrize("kind", ["symlink", "directory", "fifo"])
def test_what_is_no_plain_file_is_refused(path: Path, kind: str) -> None:
    if kind == "symlink":
        path.symlink_to("/etc/passwd")
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(UnavailableError, match="cannot be read: "):
        laid(path, mail())


def test_a_ledger_that_may_not_be_read_is_not_taken_for_an_empty_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionsError, match=f"only root and the user of mmx may read the ledger {path}"):
        laid(path, mail())
