"""The spool: memory, then an unlinked file, within a budget."""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from mmx.aio import spool as module
from mmx.aio.spool import FileSpool, SpoolBudget, check_directory
from mmx.errors import PermissionsError, UnavailableError


def make(directory: Path, *, memory: int = 100, budget: SpoolBudget | None = None) -> FileSpool:
    return FileSpool(budget or SpoolBudget(10_000), memory=memory, directory=directory)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - descriptors


@pytest.mark.parametrize("chunk", [1, 7, 100, 101, 1000])
def test_gives_back_what_it_took_from_any_place(directory: Path, chunk: int) -> None:
    data = os.urandom(1000)
    spool = make(directory)
    for start in range(0, len(data), chunk):
        assert spool.append(data[start : start + chunk])
    assert spool.size == 1000
    for offset in (0, 1, 99, 100, 999, 1000, 2000):
        for size in (0, 1, 500, 5000):
            assert spool.read(offset, size) == data[offset : offset + size]
    spool.close()


def test_small_content_stays_in_memory(directory: Path) -> None:
    before = open_files()
    spool = make(directory)
    assert spool.append(b"x" * 100)
    assert open_files() == before
    spool.close()


def test_the_file_has_no_name_and_is_closed_at_the_end(directory: Path) -> None:
    before = open_files()
    spool = make(directory)
    assert spool.append(b"x" * 101)
    assert open_files() == before + 1
    assert list(directory.iterdir()) == []
    spool.close()
    assert open_files() == before


def test_a_file_system_without_unnamed_files(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., int] = os.open

    def refuse(path: str, flags: int, mode: int = 0o777, **more: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no")
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", refuse)
    spool = make(directory)
    assert spool.append(b"y" * 200)
    assert list(directory.iterdir()) == []
    assert os.fstat(spool._file).st_mode & 0o777 == 0o600
    assert spool.read(0, 300) == b"y" * 200
    spool.close()


def test_the_budget_is_shared_and_given_back(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    budget = SpoolBudget(1000)
    one, two = make(directory, budget=budget), make(directory, budget=budget)
    assert one.append(b"x" * 600)
    assert not two.append(b"y" * 500)
    assert not two.append(b"y" * 500)
    assert len(caplog.records) == 1
    assert two.append(b"y" * 400)
    assert (budget.used, budget.is_exhausted) == (1000, True)
    one.close()
    assert (budget.used, budget.is_exhausted) == (400, False)
    assert two.append(b"z" * 600)
    assert two.read(0, 2000) == b"y" * 400 + b"z" * 600
    two.close()
    assert budget.used == 0


def test_a_shortage_is_logged_again_after_there_was_room(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budget = SpoolBudget(100)
    for _ in range(2):
        spool = make(directory, budget=budget)
        assert spool.append(b"x" * 100)
        assert not spool.append(b"x")
        spool.close()
    assert len(caplog.records) == 2


def test_a_missing_directory_refuses_the_content_and_is_logged_once(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budget = SpoolBudget(1000)
    spool = make(directory / "gone", budget=budget)
    assert spool.append(b"x" * 100)
    assert not spool.append(b"x")
    assert not spool.append(b"x")
    assert spool.read(0, 100) == b"x" * 100
    assert len(caplog.records) == 1
    assert "gone" in caplog.text
    spool.close()
    assert budget.used == 0


def test_a_full_disk_refuses_the_content(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    spool = make(directory)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, hard))
    try:
        assert spool.append(b"x" * 140)
        assert not spool.append(b"y" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "451" in caplog.text
    spool.close()


def test_a_file_that_lost_its_end_cannot_be_read(directory: Path) -> None:
    spool = make(directory)
    assert spool.append(b"x" * 1000)
    os.ftruncate(spool._file, 500)
    assert spool.read(0, 500) == b"x" * 500
    with pytest.raises(OSError, match="Input/output error"):
        spool.read(400, 200)
    spool.close()


def test_a_forgotten_spool_gives_its_room_back(directory: Path) -> None:
    budget = SpoolBudget(1000)
    spool = make(directory, budget=budget)
    spool.append(b"x" * 500)
    del spool
    assert budget.used == 0


def test_check_directory_accepts_a_good_one(directory: Path) -> None:
    check_directory(directory)
    assert list(directory.iterdir()) == []


def test_check_directory_says_what_to_do(directory: Path) -> None:
    (directory / "file").touch()
    with pytest.raises(UnavailableError, match="does not exist: create it"):
        check_directory(directory / "missing")
    with pytest.raises(UnavailableError, match="is not a directory"):
        check_directory(directory / "file")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_check_directory_without_permission(
    directory: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: Path) -> int:
        raise OSError(number, "no")

    monkeypatch.setattr(module, "open_unnamed", refuse)
    with pytest.raises(PermissionsError, match="give it to the user"):
        check_directory(directory)


def test_a_budget_asks_for_relief_before_it_refuses() -> None:
    budget = SpoolBudget(100)
    asked: list[int] = []

    def relief(size: int) -> bool:
        asked.append(size)
        if size <= 50:
            budget.give_back(50)
        return size <= 50

    budget.relief = relief
    assert budget.take(90)
    assert budget.take(40)
    assert budget.used == 80
    assert not budget.take(100)
    assert asked == [30, 80]
    assert budget.used == 80
