"""mmx at its bounds: every connection is answered, no mail passes unseen, and afterwards all is as before.

Each test brings mmx to a bound and then looks at the daemon once more: the next mail bears the marks of all
children, all descriptors are given back, memory and processor time are bounded, and no fault is logged. The
children that are well run on libmilter and mark what they see.
"""

import asyncio
import os
import resource
import signal
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration import packages
from tests.integration.daemon import Mmx
from tests.integration.overload import ill_children, mta
from tests.integration.overload.gauge import Gauge
from tests.integration.overload.mta import Answer
from tests.integration.peers import programs
from tests.integration.postfix import eventually
from tests.integration.scripted_child import packet, read_packet

pytestmark = pytest.mark.timeout(120)

NAMES = frozenset({"one", "two", "three"})
MIB = 1 << 20
FULL = "451 4.3.2 Mail filter is overloaded - try again later"
NO_ROOM = "451 4.3.1 Mail filter has no room for this message - try again later"
LIMIT = 60.0 * float(os.environ.get("MMX_TEST_TIME_UNIT", "1.0"))


@dataclass(frozen=True)
class Well:
    """The children that are well, as settings."""

    directory: Path
    children: Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def well() -> Iterator[Well]:
    packages.require(("gcc", "libc6-dev", "libmilter-dev"))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmx-overload-")))
        program = programs.compile_child(directory / "child")
        children = {}
        for name in ("one", "two", "three"):
            path = directory / f"{name}.sock"
            command = [str(program), "-p", f"local:{path}", "-m", name]
            stack.enter_context(_program(command, directory / f"{name}.log", path))
            children[name] = {"endpoint": f"unix:{path}"}
        yield Well(directory, children)


def _program(command: Sequence[str], log: Path, path: Path) -> programs.Program:
    return programs.Program(command, log, lambda: programs.negotiates(path))


@contextmanager
def daemon(
    well: Well,
    limits: Mapping[str, Any] | None = None,
    ill: Mapping[str, Mapping[str, Any]] | None = None,
    wrapper: Sequence[str] = (),
    memory: int = 48 * MIB,
    **settings: Any,
) -> Iterator[tuple[Mmx, Gauge]]:
    """mmx in front of the well children and the ill ones; at the end it must be as it was at the start."""
    path = well.directory / "mmx.sock"
    children = {**(ill or {}), **well.children}
    with Mmx(path, children, {"limits": dict(limits or {}), **settings}, wrapper) as mmx:
        if not ill:
            serves(path)
        gauge = Gauge(mmx)
        yield mmx, gauge
        if not ill:
            serves(path)
        gauge.check(memory)


def serves(path: Path) -> None:
    """The next mail is seen by all."""
    answer = mta.one(path)
    assert answer.passed, answer
    assert answer.marks == NAMES


def check_answers(answers: Sequence[Answer], count: int) -> Counter[str]:
    """Each connection was answered, and what was let pass was seen by all; how many passed, were deferred."""
    assert len(answers) == count
    strange = [answer for answer in answers if not answer.passed and not answer.deferred]
    assert not strange, Counter((answer.event, answer.code, answer.text) for answer in strange)
    unseen = [answer for answer in answers if answer.passed and answer.marks != NAMES]
    assert not unseen, unseen[:3]
    return Counter("passed" if answer.passed else "deferred" for answer in answers)


# Many connections.


def test_two_thousand_connections_at_once(well: Well) -> None:
    with daemon(well, connect_timeout="30s") as (mmx, gauge):
        answers = mta.storm(mmx.socket, 2000, limit=LIMIT)
        assert check_answers(answers, 2000) == {"passed": 2000}
        assert gauge.grown() < 128 * MIB
        kept = gauge.memory()
        answers = mta.storm(mmx.socket, 2000, limit=LIMIT)
        assert check_answers(answers, 2000) == {"passed": 2000}
        assert gauge.memory() - kept < 16 * MIB


def test_connections_that_vanish(well: Well) -> None:
    """Two thousand, each gone after a random number of bytes of its session."""
    with daemon(well) as (mmx, _):
        everything = (
            mta.OFFER + mta.CONNECT + mta.HELO + packet("M", b"<fine@sender.test>\0") + mta.RCPT + mta.DATA
        )
        everything += mta.HEADERS + packet("N") + packet("B", b"hello\r\n") + packet("E")

        async def vanish(number: int) -> None:
            _, writer = await mta.connect(mmx.socket)
            writer.write(everything[: number % (len(everything) + 1)])
            await asyncio.sleep(number % 7 / 100)
            writer.transport.abort()

        async def all_of_them() -> None:
            await asyncio.gather(*(vanish(number * 7919) for number in range(2000)))

        asyncio.run(all_of_them())


def test_more_sessions_than_allowed(well: Well) -> None:
    with daemon(well, limits={"max_sessions": 100}, connect_timeout="30s") as (mmx, _):
        answers = mta.storm(mmx.socket, 600, limit=LIMIT)
        assert check_answers(answers, 600) == {"passed": 100, "deferred": 500}
        assert {(answer.event, answer.text) for answer in answers if answer.deferred} == {("mail", FULL)}
        log = mmx.log_text()
        assert "error: 100 sessions are open: mail of further ones is refused with 451 (max_sessions)" in log
        assert log.count("error:") < 10, "a flood of mail must not become a flood of errors"


# Descriptors.


NARROW = ("prlimit", "--nofile=512:512")


@pytest.mark.parametrize("action", ["tempfail", "accept"])
def test_more_connections_than_descriptors(well: Well, action: str) -> None:
    """A thousand for 512: what finds none waits in the backlog."""
    with daemon(well, wrapper=NARROW, connect_timeout="20s", default_action=action) as (mmx, _):
        answers = mta.storm(mmx.socket, 1000, limit=LIMIT, together=False)
        assert check_answers(answers, 1000) == {"passed": 1000}
        assert "new connections wait in the backlog" in mmx.log_text()


@pytest.mark.parametrize("action", ["tempfail", "accept"])
def test_more_children_than_descriptors(well: Well, action: str) -> None:
    """250 sessions that stay and want 750 children: some get them only at MAIL, when others have ended."""
    with daemon(well, wrapper=NARROW, connect_timeout="2s", default_action=action) as (mmx, _):
        assert check_answers(mta.storm(mmx.socket, 250, limit=LIMIT), 250)["passed"]
        assert "reason=resources" in mmx.log_text()


@pytest.mark.parametrize("action", ["tempfail", "accept", "reject"])
def test_no_descriptors_for_children(well: Well, action: str) -> None:
    """The shortage is mmx's own: a default action that lets mail pass or refuses it does not hold for it."""
    with daemon(well, connect_timeout="1s", default_action=action) as (mmx, gauge):
        assert mmx.process is not None
        usual = resource.prlimit(mmx.process.pid, resource.RLIMIT_NOFILE)
        # Room for the MTA's connection and for one child.
        resource.prlimit(mmx.process.pid, resource.RLIMIT_NOFILE, (gauge.limit_for(2), usual[1]))
        answers = mta.storm(mmx.socket, 1, limit=LIMIT)
        resource.prlimit(mmx.process.pid, resource.RLIMIT_NOFILE, usual)
        assert check_answers(answers, 1) == {"deferred": 1}
        assert answers[0].event == "mail"
        assert "EMFILE" in mmx.log_text()


# Backlogs.


def test_full_backlog_of_mmx(well: Well) -> None:
    with daemon(well, limits={"backlog": 5}) as (mmx, _):
        assert mmx.process is not None
        mmx.process.send_signal(signal.SIGSTOP)
        threading.Timer(1.0, mmx.process.send_signal, [signal.SIGCONT]).start()
        answers = mta.storm(mmx.socket, 100, limit=LIMIT, together=False)
        assert check_answers(answers, 100) == {"passed": 100}


def test_full_backlog_of_a_child(well: Well) -> None:
    path = well.directory / "deaf.sock"
    ill = {"deaf": {"endpoint": f"unix:{path}", "connect_timeout": "1s"}}
    with ill_children.Deaf(path, 0), daemon(well, ill=ill) as (mmx, _):
        answers = mta.storm(mmx.socket, 200, limit=LIMIT)
        assert check_answers(answers, 200) == {"deferred": 200}
        assert max(answer.seconds for answer in answers) < 15


# The spool.


def test_spool_budget(well: Well) -> None:
    limits = {"max_spool": "1MiB", "message_memory": "64KiB"}
    with daemon(well, limits=limits) as (mmx, _):
        answers = mta.storm(mmx.socket, 40, limit=LIMIT, body=b"x" * 200_000)
        found = check_answers(answers, 40)
        assert found["deferred"] > 0
        assert {answer.text for answer in answers if answer.deferred} <= {FULL, NO_ROOM}
        assert "spool full" in mmx.log_text()
        too_big = mta.one(mmx.socket, body=b"x" * 2_000_000)
        assert (too_big.event, too_big.text) == ("eom", NO_ROOM)


def test_spool_on_a_full_disk(well: Well) -> None:
    with tempfile.TemporaryDirectory(prefix="mmx-full-") as name:
        mount = f'mount --make-rprivate / && mount -t tmpfs -o size=512k tmpfs {name} && exec "$@"'
        wrapper = ("unshare", "--mount", "sh", "-c", mount, "sh")
        limits = {"message_memory": "16KiB"}
        with daemon(well, limits=limits, wrapper=wrapper, spool_directory=name) as (mmx, _):
            answers = mta.storm(mmx.socket, 30, limit=LIMIT, body=b"x" * 100_000)
            found = check_answers(answers, 30)
            assert found["deferred"] > 0
            assert {answer.text for answer in answers if answer.deferred} == {NO_ROOM}
            assert "No space left on device" in mmx.log_text()


# Ill children.


def test_child_that_never_reads(well: Well) -> None:
    path = well.directory / "ill.sock"
    ill = {"ill": {"endpoint": f"unix:{path}", "content_timeout": "1s"}}
    with ill_children.IllChild(path, ill_children.never_reads), daemon(well, ill=ill) as (mmx, gauge):
        answers = mta.storm(mmx.socket, 20, limit=LIMIT, body=b"x" * 10_000_000)
        assert check_answers(answers, 20) == {"deferred": 20}
        assert gauge.grown() < 64 * MIB
        assert "reason=timeout" in mmx.log_text()


def test_child_that_never_reads_nor_holds_up_the_mail(well: Well) -> None:
    path = well.directory / "ill.sock"
    ill = {"ill": {"endpoint": f"unix:{path}", "content_timeout": "1s", "default_action": "accept"}}
    with ill_children.IllChild(path, ill_children.never_reads), daemon(well, ill=ill) as (mmx, _):
        answers = mta.storm(mmx.socket, 20, limit=LIMIT, body=b"x" * 3_000_000)
        assert check_answers(answers, 20) == {"passed": 20}


def test_child_that_never_answers(well: Well) -> None:
    path = well.directory / "ill.sock"
    ill = {"ill": {"endpoint": f"unix:{path}", "command_timeout": "1s"}}
    with ill_children.IllChild(path, ill_children.never_answers), daemon(well, ill=ill) as (mmx, _):
        answers = mta.storm(mmx.socket, 200, limit=LIMIT)
        assert check_answers(answers, 200) == {"deferred": 200}
        assert {answer.event for answer in answers} == {"mail"}


def test_child_that_does_not_negotiate_opens_the_breaker(well: Well) -> None:
    path = well.directory / "deaf.sock"
    ill = {"deaf": {"endpoint": f"unix:{path}", "connect_timeout": "1s"}}
    with daemon(well, ill=ill) as (mmx, _):
        with ill_children.Deaf(path, 4000):
            answers = mta.storm(mmx.socket, 200, limit=LIMIT)
            assert check_answers(answers, 200) == {"deferred": 200}
            assert "several connects in a row time out" in mmx.log_text()
            quick = mta.one(mmx.socket)
            assert quick.deferred
            assert quick.seconds < 0.5
        with ill_children.IllChild(path, ill_children.replaces_body(0)):
            assert eventually(lambda: "child is back child=deaf" in mmx.log_text(), 15.0, 0.1)
            serves(mmx.socket)


@pytest.mark.parametrize("serve", [ill_children.hangs_up, ill_children.negotiates_and_hangs_up])
def test_child_that_accepts_and_closes(well: Well, serve: Any) -> None:
    path = well.directory / "ill.sock"
    ill = {"ill": {"endpoint": f"unix:{path}"}}
    with ill_children.IllChild(path, serve), daemon(well, ill=ill) as (mmx, _):
        answers = mta.storm(mmx.socket, 200, limit=LIMIT)
        assert check_answers(answers, 200) == {"deferred": 200}
        assert "several connects in a row" not in mmx.log_text()


# An MTA that does not read.


def test_mta_that_never_reads_a_replaced_body(well: Well) -> None:
    path = well.directory / "big.sock"
    size = 8 * MIB
    ill = {"big": {"endpoint": f"unix:{path}"}}
    with (
        ill_children.IllChild(path, ill_children.replaces_body(size)),
        daemon(well, ill=ill, limits={"idle_timeout": "3s"}) as (mmx, gauge),
    ):
        socks = [_send_and_do_not_read(mmx.socket) for _ in range(10)]
        assert eventually(lambda: mmx.log_text().count("no command for too long") == 10, 30.0, 0.1), (
            mmx.log_text()
        )
        assert gauge.grown() < 48 * MIB
        for sock in socks:
            sock.close()
        answer = mta.one(mmx.socket)
        assert (answer.code, answer.body) == ("c", size)


def _send_and_do_not_read(path: Path) -> socket.socket:
    """A connection whose message is sent and whose verdict is not read."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(str(path))
    for sent in (mta.OFFER, mta.CONNECT, mta.HELO, packet("M", b"<fine@sender.test>\0"), mta.RCPT, mta.DATA):
        sock.sendall(sent)
        read_packet(sock)
    sock.sendall(mta.HEADERS + packet("N") + packet("B", b"hello\r\n") + packet("E"))
    return sock
