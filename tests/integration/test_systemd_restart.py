"""mmx stopped, started again, hung and misconfigured, under a real systemd and with mail all the time."""

import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.machine import MailHost
from tests.integration.postfix import eventually
from tests.integration.test_systemd import DEFERRED, begin

MESSAGES = 300
DROP_IN = "/etc/systemd/system/mmx.service.d/lab.conf"


@pytest.fixture
def host(mail_host: MailHost) -> MailHost:
    assert eventually(lambda: mail_host.send()[0] == 250, 60.0), mail_host.send()
    return mail_host


@pytest.mark.timeout(180)
def test_restarts_under_load_lose_no_message(host: MailHost) -> None:
    """One message a connection; smtp-source ends with an error at the first reply that is no success."""
    before, began = host.delivered(), host.mark()
    children = list(host.look().chain)
    source = host.start_command(
        f"smtp-source -s 6 -m {MESSAGES} -l 2000 -f author@clean.test -t reader@rcpt.test 127.0.0.1:25"
    )
    restarts = 0
    while restarts < 5 and passed(host, source, 10):
        # More than five starts in 10 s, and systemd would refuse.
        host.run("systemctl reset-failed mmx; systemctl restart mmx")
        restarts += 1
    said, _ = source.communicate(timeout=120)
    assert source.returncode == 0, f"{said}\n{host.log()[-3000:]}"
    assert restarts >= 3, "the load was over before the restarts"
    assert eventually(lambda: len(messages(host, began)) == MESSAGES, 10, 0.2)
    lines = messages(host, began)
    assert all(
        re.search(rf"child\.{name}=(accept|continue)[@/]", line) for line in lines for name in children
    )
    assert eventually(lambda: host.delivered() == before + MESSAGES, 60, 0.2)


def messages(host: MailHost, since: str) -> list[str]:
    """The lines of messages since then."""
    return [line for line in host.log(since).splitlines() if line.startswith("message ")]


def passed(host: MailHost, source: subprocess.Popen[str], count: int) -> bool:
    """Wait until so many more messages have passed; False if the load ended before."""
    since = host.mark()
    wanted = lambda: source.poll() is not None or host.log(since).count(" verdict=") >= count  # noqa: E731
    assert eventually(wanted, 60, 0.1)
    return source.poll() is None


def test_what_becomes_of_sessions_held_open(host: MailHost) -> None:
    with host.client() as served, host.client() as fresh, host.client() as busy:
        assert served.message()[0] == 250
        begin(busy)
        restart = host.start_command("systemctl restart mmx")
        assert eventually(lambda: host.show("ActiveState") == "deactivating", 10)
        assert fresh.message()[0] == 250, "a session whose first message is still to come"
        busy.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        assert busy.getreply()[0] == 250, "a message under way"
        restart.communicate(timeout=60)
        assert restart.returncode == 0
        assert served.message() == DEFERRED, "a session that had its message before"
        assert served.message() == DEFERRED, "as long as it lasts"
        assert host.send()[0] == 250, "a new session"


def test_new_connections_wait_while_mmx_is_away(host: MailHost) -> None:
    with host.client() as busy:
        begin(busy)
        restart = host.start_command("systemctl restart mmx")
        assert eventually(lambda: host.show("ActiveState") == "deactivating", 10)
        with ThreadPoolExecutor(1) as others:
            # Postfix asks its milter before it greets.
            waiting = others.submit(host.send)
            assert eventually(lambda: backlog(host) == 1, 10)
            busy.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            assert busy.getreply()[0] == 250
            assert waiting.result(timeout=30)[0] == 250
        restart.communicate(timeout=60)


def backlog(host: MailHost) -> int:
    """How many connections wait in the socket of mmx."""
    return int(host.run("ss -xlnH src /var/spool/postfix/mmx/mmx.sock").split()[2])


def test_a_configuration_that_is_wrong(host: MailHost) -> None:
    path = "/etc/mmx/conf.d/lab.yaml"
    host.write(path, "default_actoin: accept\n")
    done = host.attempt("systemctl reload mmx")
    assert done.returncode != 0
    assert host.show("ActiveState") == "active"
    assert host.send()[0] == 250, "the former settings stay in force"
    assert host.attempt("systemctl restart mmx").returncode != 0
    assert host.show("ExecMainStatus") == "78"
    assert f"{path}:1: default_actoin" in host.log()
    for _ in range(3):
        assert host.send() == DEFERRED
    assert eventually(lambda: host.show("ActiveState", "mmx.socket") == "failed", 30, 0.2)
    assert host.send() == DEFERRED
    host.run(f"rm {path}")
    # systemd refuses for 10 s what failed five times in 10 s.
    assert eventually(lambda: host.attempt("systemctl start mmx").returncode == 0, 20, 0.5)
    assert host.show("ActiveState", "mmx.socket") == "active"
    assert host.send()[0] == 250


def test_a_killed_mmx_comes_back_and_nobody_is_deferred(host: MailHost) -> None:
    first = host.show("MainPID")
    host.run("systemctl kill --kill-whom=main -s KILL mmx")
    assert host.send()[0] == 250
    assert host.show("MainPID") not in {first, "0"}


def test_a_hung_event_loop_is_restarted(host: MailHost) -> None:
    host.write(DROP_IN, "[Service]\nWatchdogSec=2\nEnvironment=PYTHONPATH=/opt/hang\n")
    host.run("systemctl daemon-reload; systemctl restart mmx")
    first = host.show("MainPID")
    end = time.monotonic() + 6
    while time.monotonic() < end:
        assert host.show("MainPID") == first
        time.sleep(0.5)
    host.run("systemctl kill --kill-whom=main -s USR1 mmx")
    assert eventually(lambda: host.show("NRestarts") == "1", 30, 0.2)
    assert eventually(lambda: host.show("ActiveState") == "active", 30, 0.2)
    assert host.show("MainPID") != first
    assert "Watchdog timeout" in host.run("journalctl -u mmx -n 100 --no-pager -o cat")
    assert host.send()[0] == 250
    host.run(f"rm {DROP_IN}; systemctl daemon-reload; systemctl restart mmx")
    assert host.show("WatchdogUSec") == "30s"


def test_a_reload_is_told_to_systemd(host: MailHost) -> None:
    since = host.mark()
    host.run("systemctl reload mmx")
    host.logs("reloaded ", since)
    assert eventually(lambda: host.show("SubState") == "running", 30)
    assert re.fullmatch(r"\d children, 0 down", host.show("StatusText"))


def test_log_lines_carry_facility_and_priority(host: MailHost) -> None:
    shown = host.run("journalctl -u mmx -o export -n 400 --no-pager")
    assert "SYSLOG_FACILITY=2" in shown, "mail"
    assert "SYSLOG_IDENTIFIER=mmx" in shown
    assert "PRIORITY=4" in shown
