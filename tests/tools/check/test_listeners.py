"""The checks of mmx's own sockets."""

from dataclasses import replace

import pytest

from mmx.detect.facts import Failure
from mmx.settings.endpoint import Endpoint, InetEndpoint
from mmx.settings.model import DEFAULT_ENDPOINT, MetricsSettings, Settings
from mmx.tools.check.finding import Finding, Level
from mmx.tools.check.host import HostView
from mmx.tools.check.listeners import CHECKS
from mmx.tools.check.mmx_look import SERVICE, SOCKET, SocketView
from tests.tools import check_hosts
from tests.tools.check_hosts import host, running

BOTH = "systemctl restart mmx.socket mmx.service"


def bad(view: HostView) -> list[Finding]:
    return check_hosts.bad(view, CHECKS)


def on(
    endpoint: Endpoint = DEFAULT_ENDPOINT, by: str = SOCKET, place: str = "", mode: int | None = 0o660
) -> HostView:
    view = host()
    return replace(view, mmx=replace(view.mmx, sockets=(SocketView(endpoint, by, place, mode),)))


def with_units(view: HostView, *units: str, **more: str) -> HostView:
    return replace(view, mmx=replace(view.mmx, units={name: running(name, **more) for name in units}))


def test_a_socket_that_is_not_there() -> None:
    view = on()
    gone = replace(view, mmx=replace(view.mmx, sockets=(SocketView(DEFAULT_ENDPOINT, missing=True),)))
    assert bad(gone) == [], "a connection was tried as Postfix, and that is told there"
    gone = replace(gone, postfix=Failure("not installed"))
    assert [(one.name, one.commands) for one in bad(gone)] == [("listener.missing", (BOTH,))]
    by_itself = with_units(gone, SERVICE)
    assert [one.commands for one in bad(by_itself)] == [("systemctl restart mmx",)]
    assert bad(with_units(gone)) == [], "mmx does not run, and that is told elsewhere"


def test_a_socket_that_all_may_use() -> None:
    (finding,) = bad(with_units(on(mode=0o666), SERVICE, SOCKET, SocketMode="0666"))
    assert (finding.name, finding.level) == ("listener.open", Level.WARNING)
    assert finding.commands[1].startswith(
        "printf '[Socket]\\nSocketMode=0660\\n' > /etc/systemd/system/mmx.socket.d/"
    )
    assert finding.commands[2:] == ("systemctl daemon-reload", BOTH)
    (finding,) = bad(with_units(on(mode=0o666), SERVICE, SOCKET, SocketMode="0660"))
    assert finding.commands == (BOTH,)


def test_a_socket_of_mmx_itself_that_all_may_use() -> None:
    view = on(by="", mode=0o666)
    assert [one.commands for one in bad(view)] == [(f"chmod 0660 {DEFAULT_ENDPOINT.path}",)]
    assert not isinstance(view.loaded, Failure)
    view = replace(view, loaded=replace(view.loaded, origins={"socket_mode": "/etc/mmx/mmx.yaml:2"}))
    assert "socket_mode: *" in bad(view)[0].commands[0]


@pytest.mark.parametrize(
    ("host_name", "name", "level"),
    [
        ("127.0.0.1", "listener.inet", Level.WARNING),
        ("::1", "listener.inet", Level.WARNING),
        ("0.0.0.0", "listener.outward", Level.ERROR),
        ("::", "listener.outward", Level.ERROR),
        ("192.0.2.1", "listener.outward", Level.ERROR),
    ],
)
def test_tcp(host_name: str, name: str, level: Level) -> None:
    place = "/etc/systemd/system/mmx.socket.d/tcp.conf:2"
    (finding,) = bad(on(InetEndpoint(host_name, 8900), place=place))
    assert (finding.name, finding.level) == (name, level)
    assert finding.commands[0] == "sed -i 2d /etc/systemd/system/mmx.socket.d/tcp.conf"
    assert bad(on(InetEndpoint(host_name, 8900)))[0].commands == ()


def test_http_for_all_the_world() -> None:
    metrics = MetricsSettings(listen=InetEndpoint("0.0.0.0", 9850))
    view = host(settings=Settings(metrics=metrics))
    assert not isinstance(view.loaded, Failure)
    view = replace(view, loaded=replace(view.loaded, origins={"metrics.listen": "/etc/mmx/mmx.yaml:4"}))
    (finding,) = bad(view)
    assert finding.name == "listener.http"
    assert '"127.0.0.1:9850"' in finding.commands[0]
    assert bad(host(settings=Settings(metrics=MetricsSettings(listen=None)))) == []


def test_what_cannot_be_seen() -> None:
    assert [one.unseen for one in bad(on(mode=None))] == [True]
    assert bad(replace(host(), loaded=Failure("wrong"))) == []
