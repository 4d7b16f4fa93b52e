"""Settings files that the user who runs mmx may not read; root reads everything, so another user tries."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmx.errors import SettingsError
from mmx.settings.load import load


@contextmanager
def as_nobody() -> Iterator[None]:
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def main_file(tmp_path: Path) -> Path:
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    path = tmp_path / "mmx.yaml"
    path.write_text("detect: no\n")
    (tmp_path / "conf.d").mkdir()
    return path


def test_readable_files_load(main_file: Path) -> None:
    with as_nobody():
        assert load(main_file).settings.detect is False


@pytest.mark.parametrize("name", ["mmx.yaml", "conf.d"])
def test_unreadable_files_are_told_of(main_file: Path, name: str) -> None:
    secret = main_file.parent / name
    secret.chmod(0o600)
    with as_nobody(), pytest.raises(SettingsError) as caught:
        load(main_file)
    said = f"{secret}: cannot be read: Permission denied; let the user that runs mmx read it"
    assert [str(problem) for problem in caught.value.problems] == [said]
