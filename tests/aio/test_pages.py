"""The pages as a running daemon gives them."""

import asyncio
import logging
import socket
import threading
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from mmx.aio.http import Request
from mmx.aio.notify import Notifier
from mmx.aio.pages import FRESH, OPENMETRICS, PROMETHEUS, routes
from mmx.aio.readiness import Standing
from mmx.aio.service import Service
from mmx.errors import UnavailableError
from mmx.observe.status import Status
from mmx.observe.style import STYLE
from mmx.settings.load import load
from tests.aio.http_client import fetch, free_port
from tests.aio.peers import CONTINUE, FakeChild, FakeMta, until
from tests.aio.test_service import Daemon


def never() -> Standing:
    raise AssertionError


def nothing() -> Status:
    raise AssertionError


def test_the_style_and_health_ask_for_nothing() -> None:
    table = routes(standing=never, status=nothing, metrics=CollectorRegistry())
    style = table["/style.css"](Request("/style.css"))
    assert (style.body, style.content_type) == (STYLE.encode(), "text/css; charset=utf-8")
    assert table["/-/healthy"](Request("/-/healthy")).status == 200


def test_a_page_a_moment_old_is_given_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now, taken = [1000.0], iter((Status(0.0, 0.0, "one"), Status(0.0, 0.0, "two"), Status(0.0, 0.0, "three")))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    table = routes(standing=never, status=lambda: next(taken), metrics=CollectorRegistry())
    show = table["/"]
    assert b"one" in show(Request("/")).body
    now[0] += FRESH / 2
    assert b"one" in show(Request("/")).body
    assert b"two" in show(Request("/", "renew")).body
    now[0] += FRESH / 2
    assert b"three" in show(Request("/")).body


async def test_a_running_daemon_shows_itself(directory: Path, child: FakeChild) -> None:
    daemon, port = Daemon(directory), free_port()
    daemon.write([child], http=f"'127.0.0.1:{port}'")
    async with daemon.running():
        page = await fetch(port, "/")
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.body.startswith(b"<!DOCTYPE html>")
        assert b"http-equiv" not in page.body
        assert b"http-equiv" in (await fetch(port, "/?renew")).body
        assert (await fetch(port, "/-/healthy")).body == b"healthy\n"
        assert (await fetch(port, "/-/ready")).body == b"ready\n"
        assert (await fetch(port, "/nowhere")).status == 404


async def test_health_fails_while_the_loop_hangs(directory: Path, child: FakeChild, time_unit: float) -> None:
    daemon, port = Daemon(directory), free_port()
    daemon.write([child], http=f"'127.0.0.1:{port}'")
    silent, heard = threading.Event(), list[bytes]()

    def probe() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2 * time_unit) as connection:
            connection.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                heard.append(connection.recv(4096))
            except TimeoutError:
                silent.set()
            connection.settimeout(30.0)
            heard.append(connection.recv(4096))

    async with daemon.running():
        probing = threading.Thread(target=probe)
        probing.start()
        assert silent.wait(30.0), heard  # in the loop's own thread: this is what hangs it
        await asyncio.to_thread(probing.join)
    assert len(heard) == 1
    assert heard[0].startswith(b"HTTP/1.1 200 ")


async def test_a_required_child_that_is_down_is_named(directory: Path) -> None:
    daemon, port = Daemon(directory), free_port()
    daemon.write([directory / "gone.sock"], http=f"'127.0.0.1:{port}'")
    async with daemon.running() as service:
        answer = await fetch(port, "/-/ready")
        assert answer.status == 503
        assert b"child gone is down: missing" in answer.body
        daemon.write([directory / "gone.sock"], "default_action: accept", http=f"'127.0.0.1:{port}'")
        service.reload()
        await until(lambda: service._settings.children[0].default_action.unreachable == "accept")
        assert (await fetch(port, "/-/ready")).status == 200


async def test_a_reload_moves_the_address_or_keeps_all(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    daemon, port, other = Daemon(directory), free_port(), free_port()
    daemon.write([child], http=f"'127.0.0.1:{port}'")
    async with daemon.running() as service:
        daemon.write([child], http=f"'127.0.0.1:{other}'")
        service.reload()
        await until(lambda: "no longer serving HTTP" in caplog.text)
        assert (await fetch(other, "/-/ready")).status == 200
        with socket.create_server(("127.0.0.1", 0)) as taken:
            daemon.write([child], http=f"'127.0.0.1:{taken.getsockname()[1]}'")
            service.reload()
            await until(lambda: "set metrics.listen to another address" in caplog.text)
            answer = await fetch(other, "/-/ready")
            assert (answer.status, b"the last reload failed" in answer.body) == (503, True)


async def test_a_port_that_is_taken_ends_the_start(directory: Path, child: FakeChild) -> None:
    daemon = Daemon(directory)
    daemon.manager.close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        daemon.write([child], http=f"'127.0.0.1:{taken.getsockname()[1]}'")
        with pytest.raises(UnavailableError, match=r"metrics\.listen") as raised:
            await Service(load(daemon.file), daemon.file, Notifier({})).run()
    assert raised.value.exit_code == 69


@pytest.mark.parametrize(
    ("accept", "content_type", "end"),
    [
        ("Accept: application/openmetrics-text;version=1.0.0", "application/openmetrics-text", b"# EOF\n"),
        ("Accept: text/plain;version=0.0.4", "text/plain", b"\n"),
        ("X-Nothing: asked", "text/plain", b"\n"),
    ],
)
async def test_metrics_in_the_format_asked_for(
    directory: Path, child: FakeChild, accept: str, content_type: str, end: bytes
) -> None:
    daemon, port = Daemon(directory), free_port()
    daemon.write([child], http=f"'127.0.0.1:{port}'")
    async with daemon.running() as service:
        mta = await FakeMta.connect(daemon.socket)
        await mta.greet()
        assert await mta.message() == CONTINUE
        answer = await fetch(port, "/metrics", accept)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(content_type)
        assert answer.body.endswith(end)
        assert b'mmx_messages_total{verdict="accept"} 1.0\n' in answer.body
        assert b"mmx_sessions_active 1.0\n" in answer.body
        service._settings_good = False
        answer = await fetch(port, "/metrics", accept)
        assert b"mmx_config_last_reload_successful 0.0\n" in answer.body
        await mta.close()


ACCEPTED = st.sampled_from(
    [
        "application/openmetrics-text",
        "text/plain",
        ";version=",
        "1.0.0",
        "2.x",
        "x",
        ";escaping=",
        ",",
        ".",
        "\xff",
    ]
)


@given(st.lists(ACCEPTED | st.text(st.characters(max_codepoint=255), max_size=5), max_size=8).map("".join))
@example("application/openmetrics-text;version=x")
@example("application/openmetrics-text;version=1.0.0.\xff")
@example("application/openmetrics-text;version=" + "9" * 5000)
def test_whatever_a_client_accepts_it_gets_one_of_two_formats(accept: str) -> None:
    table = routes(standing=never, status=nothing, metrics=CollectorRegistry())
    answer = table["/metrics"](Request("/metrics", headers={"accept": accept}))
    assert (answer.content_type, answer.body) in {(OPENMETRICS, b"# EOF\n"), (PROMETHEUS, b"")}
