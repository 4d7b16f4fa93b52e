"""Commands that let mmx in."""

import stat

import pytest

from mmx.aio.access import Account, Obstacle
from mmx.tools.check import ways_in as check_ways_in
from mmx.tools.check.ways_in import drop_in, ways_in
from tests.tools.check_hosts import MMX, running

GROUPS = {0: "root", 4: "adm", 902: "opendkim", 903: "clamav"}
MEMBER = Account("mmx", 901, frozenset({901, 902}))
UNIT = running("opendkim.service", RuntimeDirectory="opendkim")
JOIN = ("usermod -aG opendkim mmx", "systemctl restart mmx")
UMASK = (
    "sed -i '/^[[:space:]]*UMask[[:space:]=]/Id' /etc/opendkim.conf",
    "echo 'UMask 007' >> /etc/opendkim.conf",
)


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_ways_in, "group_name", GROUPS.__getitem__)


def directory(path: str, mode: int, gid: int = 902) -> Obstacle:
    return Obstacle(path, mode, 950, gid, stat.S_IXOTH)


def socket(path: str, mode: int, gid: int = 902) -> Obstacle:
    return Obstacle(path, mode, 950, gid, stat.S_IWOTH)


def file(path: str, mode: int, gid: int) -> Obstacle:
    return Obstacle(path, mode, 950, gid, stat.S_IROTH)


PATH = "/run/opendkim/opendkim.sock"


@pytest.mark.parametrize(
    ("found", "account", "commands"),
    [
        ([directory("/run/opendkim", 0o750), socket(PATH, 0o770)], MMX, JOIN),
        (
            [socket(PATH, 0o755)],
            MEMBER,
            (*UMASK, "systemctl restart opendkim.service"),
        ),
        (
            [socket(PATH, 0o755)],
            MMX,
            (*UMASK, "systemctl restart opendkim.service", *JOIN),
        ),
        (
            [directory("/run/opendkim", 0o700)],
            MEMBER,
            tuple(drop_in("opendkim.service", "Service", "RuntimeDirectoryMode=0750")),
        ),
        ([directory("/srv/dkim", 0o700)], MEMBER, ("chmod g+x /srv/dkim",)),
        ([directory("/root", 0o700, 0), socket(PATH, 0o755)], MEMBER, ()),
        ([socket(PATH, 0o660, 0)], MEMBER, ()),
    ],
)
def test_what_opens_the_way(found: list[Obstacle], account: Account, commands: tuple[str, ...]) -> None:
    assert ways_in("opendkim", UNIT, found, account, account.groups) == commands


def test_a_process_that_is_older_than_the_membership_is_restarted() -> None:
    assert ways_in("opendkim", UNIT, [socket(PATH, 0o770)], MMX, MEMBER.groups) == JOIN[1:]


def test_without_a_unit_the_name_of_the_child_is_restarted() -> None:
    commands = ways_in("opendkim", None, [socket(PATH, 0o755)], MEMBER, MEMBER.groups)
    assert commands[-1] == "systemctl restart opendkim"


@pytest.mark.parametrize(
    ("mode", "gid", "commands"),
    [
        (0o640, 903, ("usermod -aG clamav mmx", "systemctl restart mmx")),
        (0o600, 903, ("chmod g+r /etc/c", "usermod -aG clamav mmx", "systemctl restart mmx")),
        (0o600, 0, ("chgrp mmx /etc/c", "chmod g+r /etc/c", "systemctl restart mmx")),
        (0o640, 4, ("chgrp mmx /etc/c", "chmod g+r /etc/c", "systemctl restart mmx")),
    ],
)
def test_a_file_that_mmx_cannot_read(mode: int, gid: int, commands: tuple[str, ...]) -> None:
    assert ways_in("clamav-milter", None, [file("/etc/c", mode, gid)], MMX, MMX.groups) == commands
