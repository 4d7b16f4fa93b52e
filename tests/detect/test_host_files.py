import os
from pathlib import Path

import pytest

from mmx.detect.facts import Failure
from mmx.detect.host_files import LARGEST, HostFiles


@pytest.fixture
def files(tmp_path: Path) -> HostFiles:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "a.conf").write_bytes(b"\xff\n")
    return HostFiles(tmp_path)


def test_paths_are_below_the_root(files: HostFiles) -> None:
    assert files.read("/etc/a.conf") == b"\xff\n"
    assert files.exists("/etc/a.conf")
    assert files.names("/etc") == ("a.conf",)
    assert files.names("/nowhere") == ()


@pytest.mark.parametrize("path", ["/etc/b.conf", "/etc/a.conf/b", "/nowhere/b"])
def test_what_is_not_there(files: HostFiles, path: str) -> None:
    assert files.read(path) is None
    assert not files.exists(path)


def test_what_is_no_file_is_not_waited_for(files: HostFiles) -> None:
    os.mkfifo(files.root / "etc" / "pipe")
    assert files.read("/etc/pipe") == Failure("cannot be read: not a file")
    assert files.read("/etc") == Failure("cannot be read: not a file")


def test_what_is_far_too_large(files: HostFiles) -> None:
    with (files.root / "etc" / "large").open("wb") as stream:
        stream.truncate(LARGEST + 1)
    assert files.read("/etc/large") == Failure("larger than 1 MiB")


def test_a_loop_of_links_is_told(files: HostFiles) -> None:
    (files.root / "etc" / "loop").symlink_to("loop")
    assert files.read("/etc/loop") == Failure("cannot be read: Too many levels of symbolic links")
    assert not files.exists("/etc/loop")


def test_where_a_link_leads(files: HostFiles) -> None:
    (files.root / "etc" / "link").symlink_to("/lib/systemd/system/other.service")
    assert files.link("/etc/link") == "other.service"
    assert files.link("/etc/a.conf") == files.link("/etc/none") == ""
