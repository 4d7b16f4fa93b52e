"""Looking at children."""

import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmx.aio.access import Account
from mmx.detect.commands import Answer
from mmx.detect.facts import Failure
from mmx.observe.status import ChildStatus, Status
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint, unknown_endpoint
from mmx.settings.load import Loaded
from mmx.settings.model import Action, ChildSettings, DefaultAction, Mode, Settings
from mmx.tools.check import children_look as check_children_look
from mmx.tools.check.children_look import ChildView, children_of, look_at_children, unit_names, units_to_ask
from tests.tools.check_hosts import running

STRANGER = Account("mmx", 61_234, frozenset({61_234}))
NO_DAEMON = Failure("does not run")


def silent(_argv: Sequence[str], _limit: float) -> Answer:
    return Answer()


def test_units() -> None:
    assert unit_names("spamass-milter")[0] == "spamass-milter.service"
    assert unit_names("opendkim@one") == ("opendkim@one.service",)
    assert unit_names("archive") == ("archive.service",)
    asked = units_to_ask(["archive", "opendkim"])
    assert asked[:2] == ("archive.service", "archive.socket")
    assert len(set(asked)) == len(asked)
    assert "rspamd.service" in asked, "milters may be installed that are no children"


def test_children_of_the_settings() -> None:
    accepted = DefaultAction(unreachable=Action.ACCEPT)
    children = (
        ChildSettings("a", UnixEndpoint("/a")),
        ChildSettings("b", UnixEndpoint("/b"), mode=Mode.OBSERVE),
        ChildSettings("c", UnixEndpoint("/c"), default_action=accepted),
        ChildSettings("d", UnixEndpoint("/d"), enabled=False),
        ChildSettings("e"),
    )
    loaded = Loaded(Settings(children=children), {"children.a.endpoint": "/etc/a.conf:3"})
    views = {child.name: child for child in children_of(loaded, NO_DAEMON)}
    assert list(views) == ["a", "c", "b"]
    assert (views["a"].origin, views["a"].required, views["a"].observes) == ("/etc/a.conf:3", True, False)
    assert (views["b"].required, views["b"].observes, views["c"].required) == (False, True, False)


def test_children_of_the_daemon_where_the_settings_are_wrong() -> None:
    told = (
        ChildStatus("a", "unix:/a", default_action="tempfail"),
        ChildStatus("b", "unknown:no idea", default_action="accept if unreachable, tempfail if it dies"),
        ChildStatus("c", "nonsense"),
    )
    a, b = children_of(Failure("wrong"), Status(2.0, 1.0, "0", children=told))
    assert (a.endpoint, a.required) == (UnixEndpoint("/a"), True)
    assert (b.endpoint, b.required) == (unknown_endpoint("no idea"), False)
    assert children_of(Failure("wrong"), NO_DAEMON) == ()


def test_everything_that_can_be_seen(tmp_path: Path) -> None:
    conf = tmp_path / "a.conf"
    conf.write_text("Socket local:/a\n")
    conf.chmod(0o600)
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    path.chmod(0o700)
    children = (
        ChildView("opendkim", UnixEndpoint(str(path)), f"{conf}:1"),
        ChildView("archive", UnixEndpoint(str(tmp_path / "none"))),
        ChildView("far", unknown_endpoint("no idea")),
    )
    units = {"opendkim.service": running("opendkim.service")}
    versions = Answer(b"opendkim 2.11-8\nnoise\n")
    views = look_at_children(children, units, STRANGER, lambda _argv, _limit: versions, is_root=False)
    opendkim, archive, far = views
    assert (opendkim.greeting.reason, archive.greeting.reason, far.greeting.reason) == (
        *("refused", "missing", "missing"),
    )
    assert opendkim.unit is units["opendkim.service"]
    assert archive.unit is None
    assert opendkim.obstacles[-1].path == str(path)
    assert opendkim.closed[-1].path == str(conf)
    assert (archive.obstacles[-1:], archive.closed) == (opendkim.obstacles[:-1][-1:], ())
    assert [view.missing for view in views] == ["", "", ""]


def test_a_unit_that_is_enabled_is_preferred() -> None:
    off = running("spamass-milter.service", state="disabled")
    names = unit_names("spamass-milter")
    on = running(names[-1])
    units = {names[0]: off, names[-1]: on}
    child = ChildView("spamass-milter", unknown_endpoint("no idea"))
    for seen, chosen in ((units, on if len(names) > 1 else off), ({names[0]: off}, off)):
        (view,) = look_at_children([child], seen, None, silent, is_root=False)
        assert view.unit is chosen
    (view,) = look_at_children([child], Failure("no systemd"), None, silent, is_root=False)
    assert view.unit is None


def test_what_is_behind_a_closed_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.stat

    def refuse(path: Any, **how: Any) -> os.stat_result:
        if str(path).startswith("/run/a"):
            raise PermissionError
        return real(path, **how)

    monkeypatch.setattr(os, "stat", refuse)
    child = ChildView("a", UnixEndpoint("/run/a/none"))
    (view,) = look_at_children([child], {}, None, silent, is_root=False)
    assert (view.visible, view.missing) == (False, "")
    assert check_children_look._is_visible(InetEndpoint("127.0.0.1", 1))
    assert replace(view, visible=True).visible


def test_who_else_reaches_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = {8893: frozenset({"127.0.0.1", "0.0.0.0"}), 1: frozenset({"::1"})}
    monkeypatch.setattr(check_children_look, "listening", lambda: ports)
    monkeypatch.setattr(check_children_look, "greet", lambda _plans, _account: {})
    places = [("localhost", 8893), ("127.0.0.1", 1), ("192.0.2.1", 8893), ("127.0.0.1", 2)]
    children = [ChildView(f"c{port}{place}", InetEndpoint(place, port)) for place, port in places]
    views = look_at_children(children, {}, None, silent, is_root=False)
    assert [view.outward for view in views] == [("0.0.0.0",), (), (), ()]


def test_versions_of_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []

    def answer(argv: Sequence[str], _limit: float) -> Answer:
        asked.append(tuple(argv))
        return Answer(b"opendkim 2.11-8\nother 1\npackage rspamd is not installed\n")

    program = tmp_path / "query"
    monkeypatch.setattr(check_children_look, "PACKAGES", (("/none", "-x"), (str(program), "-q")))
    children = [ChildView(name, unknown_endpoint("no idea")) for name in ("opendkim", "rspamd", "archive")]
    assert check_children_look._versions(answer, children) == {}
    program.touch()
    assert check_children_look._versions(answer, children) == {"opendkim": "2.11-8"}
    assert asked == [(str(program), "-q", "--", "opendkim", "rspamd")]
    assert check_children_look._versions(answer, children[2:]) == {}


def test_the_first_directory_that_there_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, missing in (("a/b/s", f"directory {tmp_path}/a"), ("s", ""), ("file/s", "")):
        endpoint = UnixEndpoint(f"{tmp_path}/{path}")
        assert check_children_look._missing(endpoint) == missing, path
    assert check_children_look._missing(InetEndpoint("127.0.0.1", 1)) == ""
