"""Reading a file of the administrator."""

from pathlib import Path

import pytest

from mmx.settings.files import read_file
from mmx.settings.section import Findings


def test_a_byte_more_than_the_limit_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert read_file(file, 9, Findings("")) == b"12345"
    assert read_file(file, 3, Findings("")) == b"1234"


def test_who_may_write_to_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    findings = Findings("")
    for mode, warnings in ((0o664, 0), (0o666, 1)):
        file.chmod(mode)
        read_file(file, 1, findings)
        assert len(findings.warnings) == warnings
    assert str(findings.warnings[0]) == f"{file}: every local user can write to this file; chmod o-w {file}"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "missing", 1, Findings(""))
