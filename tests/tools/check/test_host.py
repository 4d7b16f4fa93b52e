"""What is seen of a host."""

from dataclasses import replace
from pathlib import Path

import pytest

from mmx.detect.facts import Absence, Failure
from mmx.observe.status import Status
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.settings.load import Loaded
from mmx.settings.model import DEFAULT_ENDPOINT, Listener, Settings
from mmx.tools.check import host as check_host
from mmx.tools.check.host import look
from mmx.tools.check.mmx_look import MmxView, SocketView
from tests.tools.check_hosts import host

PLACE = UnixEndpoint("/run/a.sock")


def test_listeners_are_those_of_the_daemon() -> None:
    loaded = Loaded(Settings(listeners=(Listener("submission", PLACE),)), {})
    view = replace(host(), loaded=loaded, mmx=MmxView())
    running = Status(at=2.0, started=1.0, version="0", listeners=("inet:127.0.0.1:1", "unix:/run/b"))
    assert replace(view, daemon=running).listeners == (InetEndpoint("127.0.0.1", 1), UnixEndpoint("/run/b"))
    assert replace(view, daemon=replace(running, listeners=("systemd:mmx.socket",))).listeners == (PLACE,)
    assert replace(view, daemon=Failure("no")).listeners == (PLACE,)
    nothing_known = replace(view, daemon=Failure("no"), loaded=Failure("no"))
    assert nothing_known.listeners == (DEFAULT_ENDPOINT,)
    held_by_systemd = MmxView(sockets=(SocketView(PLACE),))
    assert replace(view, daemon=running, mmx=held_by_systemd).listeners == (PLACE,)


def test_what_cannot_be_had_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_host, "look_at_postfix", lambda *_, **__: Absence("not asked"))
    settings = tmp_path / "mmx.yaml"
    view = look(settings)
    assert isinstance(view.loaded, Failure)
    assert "cannot be read" in view.loaded.reason
    settings.write_text(f"detect: no\ncontrol_socket: {tmp_path}/control.sock\n")
    view = look(settings)
    assert isinstance(view.loaded, Loaded)
    assert isinstance(view.daemon, Failure)
    assert "there is no control socket" in view.daemon.reason
    settings.write_text("detect: no\ncontrol_socket: null\n")
    assert isinstance(look(settings).daemon, Absence)


def test_a_daemon_is_given_the_time_to_see_that_a_child_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_host, "_AGAIN", 0.0)
    view = host()
    assert isinstance(view.daemon, Status)
    up = view.daemon
    down = replace(up, children=(replace(up.children[0], state="down"),))
    answers = [down, up]
    monkeypatch.setattr(check_host, "_daemon", lambda _config: answers.pop(0))
    assert check_host._settled(replace(view, daemon=down), {"opendkim"}) == up
    assert answers == []
    assert check_host._settled(replace(view, daemon=down), set()) == down, "it does not answer here either"
    monkeypatch.setattr(check_host, "PERIOD", -1.0)
    assert check_host._settled(replace(view, daemon=down), {"opendkim"}) == down
    assert check_host._settled(replace(view, daemon=Failure("no")), {"opendkim"}) == Failure("no")
