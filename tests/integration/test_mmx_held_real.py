"""`mmx held` on mail that a real scanner, clamav-milter with `OnInfected Quarantine`, had quarantined."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mmx.errors import EX_OK
from tests.integration import packages
from tests.integration.daemon import greet
from tests.integration.held_site import Site, running_site
from tests.integration.postfix import eventually
from tests.integration.real_milters import VIRUS
from tests.integration.scripts import content

START_LIMIT = 60.0


def configurations(directory: Path) -> dict[str, str]:
    """clamd with one signature, and its milter."""
    return {
        "database/lab.ndb": f"Mmx.Lab:0:*:{VIRUS.encode().hex()}\n",
        "clamd.conf": (
            f"LocalSocket {directory}/clamd.ctl\nForeground true\nDatabaseDirectory {directory}/database\n"
        ),
        "clamav-milter.conf": (
            f"MilterSocket unix:{directory}/milter.sock\nMilterSocketMode 666\nForeground true\n"
            f"ClamdSocket unix:{directory}/clamd.ctl\nOnInfected Quarantine\nAddHeader Replace\n"
            f"PidFile {directory}/clamav-milter.pid\n"
        ),
    }


def answers(path: Path) -> bool:
    try:
        greet(path, events=False)
    except (OSError, EOFError):
        return False
    return True


@pytest.fixture(scope="module")
def milter() -> Iterator[Path]:
    """The socket of clamav-milter."""
    packages.require(packages.REAL_MILTERS)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmx-clamav-")))
        for name, text in configurations(directory).items():
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_text(text)
        log = stack.enter_context((directory / "log").open("wb"))
        for program, socket in (("clamd", "clamd.ctl"), ("clamav-milter", "milter.sock")):
            command = [program, "-c", str(directory / f"{program}.conf")]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            started = eventually((directory / socket).exists, START_LIMIT, 0.05)
            assert started, (directory / "log").read_text()
        assert eventually(lambda: answers(directory / "milter.sock"), START_LIMIT, 0.05)
        yield directory / "milter.sock"


@pytest.fixture
def site(postfix_package: None, milter: Path) -> Iterator[Site]:
    with running_site("clamav-milter", f"unix:{milter}") as made:
        yield made


def test_what_a_virus_scanner_had_held_is_listed_released_and_deleted(site: Site) -> None:
    clean, infected, other = (
        site.send(tag, text=content(f"{text}\r\n", tag=tag))[0]
        for tag, text in (("m1", "hello"), ("m2", VIRUS), ("m3", VIRUS))
    )
    site.arrives(clean)
    assert eventually(lambda: {infected, other} <= site.claimed(), START_LIMIT)
    entries = site.listed("--child", "clamav-milter")
    assert set(entries) == {infected, other}
    assert [one["child"] for one in entries[infected]["children"]] == ["clamav-milter"]
    assert entries[infected]["children"][0]["reason"]
    assert VIRUS in site.held("show", "--whole", infected)[0]
    assert site.held("release", infected, status=EX_OK)[0] == f"released: {infected}\n"
    assert VIRUS.encode() in site.arrives(infected).content
    assert site.held("delete", other)[0] == f"deleted: {other}\n"
    assert site.held()[0] == "no mail is on hold\n"
