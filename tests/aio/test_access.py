"""Who is let in, by numbers: the things on the way are described, not made, so that no test needs root."""

import grp
import os
import pwd

import pytest

from mmx.aio import access
from mmx.aio.access import Account, account_of, advice, obstacles, own_account, unexplained
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.settings.model import ChildSettings

DIRECTORY, SOCKET = 0o040000, 0o140000
MMX = Account("mmx", 901, frozenset({901}))
MEMBER = Account("mmx", 901, frozenset({901, 902}))


class Tree:
    """Modes and owners by path; everything else is a directory that all may enter."""

    def __init__(self) -> None:
        self.things: dict[str, tuple[int, int, int]] = {}

    def stat(self, path: object) -> os.stat_result:
        found = self.things.get(str(path), (DIRECTORY | 0o755, 0, 0))
        if found[0] == 0:
            raise FileNotFoundError
        return os.stat_result((found[0], 0, 0, 0, found[1], found[2], 0, 0, 0, 0))


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch) -> Tree:
    tree = Tree()
    groups = {901: "mmx", 902: "opendkim", 0: "root"}
    monkeypatch.setattr(os, "stat", tree.stat)
    monkeypatch.setattr(access, "_has_list", lambda _step: False)
    monkeypatch.setattr(access, "_user_name", lambda number: {0: "root"}.get(number, "daemon"))
    monkeypatch.setattr(access, "group_name", lambda number: groups[number])
    monkeypatch.setattr(access, "is_member", lambda _user, _group: False)
    return tree


PATH = "/run/opendkim/opendkim.sock"


def test_a_member_of_the_group_gets_in(tree: Tree) -> None:
    tree.things = {"/run/opendkim": (DIRECTORY | 0o750, 950, 902), PATH: (SOCKET | 0o770, 950, 902)}
    assert not obstacles(PATH, MEMBER)
    assert advice("opendkim", PATH, MEMBER) == ""


def test_who_is_no_member_is_told_to_become_one(tree: Tree) -> None:
    tree.things = {"/run/opendkim": (DIRECTORY | 0o750, 950, 902), PATH: (SOCKET | 0o770, 950, 902)}
    assert advice("opendkim", PATH, MMX) == (
        "/run/opendkim (0750 daemon:opendkim) and /run/opendkim/opendkim.sock (0770 daemon:opendkim) do not "
        "let user mmx in; usermod -aG opendkim mmx && systemctl restart mmx"
    )


def test_a_process_keeps_the_groups_it_was_started_with(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "is_member", lambda _user, _group: True)
    tree.things = {PATH: (SOCKET | 0o770, 950, 902)}
    assert advice("opendkim", PATH, MMX).endswith(
        "systemctl restart mmx: it was started before its user became a member of opendkim"
    )


@pytest.mark.parametrize(
    ("child", "cure"),
    [
        ("opendkim", "set `UMask 007` in /etc/opendkim.conf; then systemctl restart opendkim"),
        ("clamav-milter", "set `MilterSocketMode 660` in clamav-milter.conf"),
        ("amavisd-milter", "run: echo 'MILTERSOCKETMODE=\"0660\"' >> /etc/default/amavisd-milter; then"),
        ("rspamd", f'write `bind_socket = "{PATH} mode=0660";` in /etc/rspamd/local.d/worker-proxy.inc'),
        ("milter-greylist", f'write `socket "{PATH}" 660` in greylist.conf'),
        ("archive", "have archive make its socket with mode 0660; then systemctl restart archive"),
    ],
)
def test_a_socket_that_its_group_may_not_use_is_mended_at_the_daemon(
    tree: Tree, child: str, cure: str
) -> None:
    tree.things = {PATH: (SOCKET | 0o755, 950, 902)}
    assert cure in advice(child, PATH, MEMBER)
    assert "usermod" not in advice(child, PATH, MEMBER)
    assert "usermod -aG opendkim mmx" in advice(child, PATH, MMX)


@pytest.mark.parametrize(
    ("directory", "owner", "cure"),
    [
        ("/run/opendkim", (DIRECTORY | 0o700, 950, 902), "RuntimeDirectoryMode=0750"),
        ("/srv/milter", (DIRECTORY | 0o700, 950, 902), "chmod g+x /srv/milter"),
        ("/root", (DIRECTORY | 0o700, 0, 0), "have opendkim listen in a directory of its own"),
    ],
)
def test_a_closed_directory(tree: Tree, directory: str, owner: tuple[int, int, int], cure: str) -> None:
    tree.things = {directory: owner}
    said = advice("opendkim", f"{directory}/s", MEMBER)
    assert cure in said
    assert "root mmx" not in said


def test_nobody_is_made_a_member_of_root(tree: Tree) -> None:
    tree.things = {"/run/spam.sock": (SOCKET | 0o660, 0, 0)}
    said = advice("spam", "/run/spam.sock", MMX)
    assert "have spam give its socket to a group of its own, with mode 0660" in said
    assert "usermod" not in said


def test_the_owner_has_the_bits_of_the_owner_alone(tree: Tree) -> None:
    tree.things = {PATH: (SOCKET | 0o077, MMX.uid, MMX.uid)}
    assert [obstacle.path for obstacle in obstacles(PATH, MMX)] == [PATH]


def test_what_is_not_there_is_no_obstacle(tree: Tree) -> None:
    tree.things = {PATH: (0, 0, 0)}
    assert obstacles(PATH, MMX) == []


def test_root_gets_everywhere(tree: Tree) -> None:
    tree.things = {PATH: (SOCKET, 950, 902)}
    assert obstacles(PATH, Account("root", 0, frozenset({0}))) == []


def test_an_access_control_list_is_left_to_the_kernel(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_has_list", lambda _step: True)
    tree.things = {PATH: (SOCKET | 0o660, 950, 902)}
    assert obstacles(PATH, MMX) == []


def test_the_kernel_is_asked_about_the_own_process(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "own_account", lambda: MMX)
    monkeypatch.setattr(os, "access", lambda path, _wanted, *, effective_ids: str(path) != "/run/opendkim")
    assert [obstacle.path for obstacle in obstacles(PATH, MMX)] == ["/run/opendkim"]


def test_accounts() -> None:
    me = pwd.getpwuid(os.geteuid())
    account = account_of(me.pw_name)
    assert account is not None
    assert (account.uid, me.pw_gid in account.groups) == (me.pw_uid, True)
    assert own_account().uid == me.pw_uid
    assert account_of("nobody-of-this-name") is None
    assert access.is_member(me.pw_name, grp.getgrgid(me.pw_gid).gr_name)
    assert not access.is_member(me.pw_name, "no-group-of-this-name")


def test_a_refusal_that_modes_do_not_explain() -> None:
    assert "ausearch" in unexplained(MMX)
    assert not access._has_list("/nowhere/at/all")


def test_complaints_name_the_child(tree: Tree) -> None:
    tree.things = {PATH: (SOCKET | 0o770, 950, 902)}
    children = [
        ChildSettings("opendkim", UnixEndpoint(PATH)),
        ChildSettings("rspamd", InetEndpoint("localhost", 11332)),
        ChildSettings("archive", UnixEndpoint("/run/open.sock")),
        ChildSettings("nowhere"),
    ]
    (said,) = access.complaints(children, MMX)
    assert said.startswith(f"children.opendkim: {PATH} (0770 daemon:opendkim) does not let user mmx in")
    assert access.complaints(children, MEMBER) == []


def test_root_asks_for_the_user_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "account_of", lambda name: MMX if name == "mmx" else None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert access.service_account() == MMX
    monkeypatch.setattr(os, "geteuid", lambda: 65533)
    account = access.service_account()
    assert account is not None
    assert account.uid == 65533
