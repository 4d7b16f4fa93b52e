"""The scenario files that SMTP can cause, with a real Postfix between the client and mmx."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.postfix import Postfix, Smtpd
from tests.integration.sink import LmtpSink
from tests.scenarios import model, postfix_player
from tests.scenarios.format import all_files, load

# The client is 192.0.2.7 by XCLIENT; Postfix adds no header but its Received.
OPTIONS = {"local_header_rewrite_clients": "", "mynetworks": "127.0.0.0/8 192.0.2.0/24"}
FILES = [path for path in all_files() if load(path).postfix]


@dataclass(frozen=True)
class Site:
    """A Postfix whose milter is a socket in a directory of ours, and where its mail goes."""

    directory: Path
    postfix: Postfix
    sink: LmtpSink


@pytest.fixture(scope="module")
def site(postfix_package: None) -> Iterator[Site]:
    directory = Path(tempfile.mkdtemp(prefix="mmx-scenarios-"))
    directory.chmod(0o755)
    sink = LmtpSink()
    smtpd = Smtpd("mmx", [f"unix:{directory}/mmx.sock"], OPTIONS)
    try:
        with Postfix([smtpd], sink.port) as postfix:
            yield Site(directory, postfix, sink)
    finally:
        sink.close()
        shutil.rmtree(directory)


def name_of(path: Path) -> str:
    return str(path.relative_to(model.HERE).with_suffix(""))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_postfix(site: Site, path: Path) -> None:
    postfix_player.play(load(path), site.directory, site.postfix, site.sink)
