"""Programs of other projects: milters behind mmx on libmilter in C, on python3-milter and on two libraries of
pure Python; opendkim's miltertest and the Python package miltertest as the MTA.

What a milter does behind mmx is compared with what it does listed in Postfix itself.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration import packages
from tests.integration.daemon import Mmx
from tests.integration.peers import programs
from tests.integration.peers.comparison import Comparison, Foreign
from tests.integration.postfix import free_ports
from tests.integration.scripts import content
from tests.integration.smtp_client import Step

PACKAGES = ("gcc", "libc6-dev", "libmilter-dev", "python3", "python3-milter", "miltertest", "opendkim")
PYTHON_PACKAGES = ("kilter.service==0.3.1", "purepythonmilter==0.0.1", "miltertest==1.0.0")
SYSTEM_PYTHON = Path("/usr/bin/python3")

pytestmark = [pytest.mark.usefixtures("postfix_package"), pytest.mark.timeout(120)]

# Every variant of the libmilter child: its options and what they mean for it.
LIBMILTER: dict[str, list[str]] = {
    "plain": [],
    "quiet": ["-n"],
    "skipping": ["-s", "-l"],
    "choosy": ["-g", "-l"],
}


@pytest.fixture(scope="module")
def directory(postfix_package: None) -> Iterator[Path]:
    packages.require(PACKAGES)
    with tempfile.TemporaryDirectory(prefix="mmx-peers-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="module")
def libmilter(directory: Path) -> Iterator[Comparison]:
    program = programs.compile_child(directory / "libmilter-child")
    with ExitStack() as stack:
        children = {}
        for name, options in LIBMILTER.items():
            socket, trace = directory / f"{name}.sock", directory / f"{name}.trace"
            command: list[str | Path] = [program, "-p", f"local:{socket}", "-t", trace, *options]
            stack.enter_context(_program(command, directory, name, socket))
            children[name] = Foreign(f"unix:{socket}", trace)
        yield stack.enter_context(Comparison(children))


def _program(command: Sequence[str | Path], directory: Path, name: str, socket: Path) -> programs.Program:
    return programs.Program(command, directory / f"{name}.log", lambda: programs.negotiates(socket))


def message(word: str, recipients: tuple[str, ...] = ("r1", "r2"), text: str | None = None) -> list[Step]:
    """The steps of one mail whose sender is the child's order."""
    steps: list[Step] = [f"MAIL FROM:<{word}@sender.test>"]
    steps += [f"RCPT TO:<{recipient}@rcpt.test>" for recipient in recipients]
    return [*steps, ("DATA", content(headers="X-K: one\r\nX-K:  two\r\n") if text is None else text)]


def session(*messages: list[Step], helo: str = "client.test") -> list[Step]:
    return [f"EHLO {helo}", *(step for steps in messages for step in steps), "QUIT"]


STAGES = ("mail", "data", "header", "eoh", "body", "eom")
ACTIONS = ("reject", "tempfail", "discard", "accept", "reply", "lines", "close")
EDITS = ("fine", "eom.edits", "eom.body", "eom.chunks", "eom.empty", "eom.progress", "eom.quarantine")


@pytest.mark.parametrize("word", EDITS)
@pytest.mark.parametrize("name", LIBMILTER)
def test_edits_of_a_libmilter_child(libmilter: Comparison, name: str, word: str) -> None:
    found = libmilter.agree(name, session(message(word), message("fine", ("r3",))))
    assert [fate is not None for fate in found.fates] == [True, True]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", ["plain", "skipping"])
def test_verdicts_of_a_libmilter_child(libmilter: Comparison, name: str, stage: str) -> None:
    for action in ACTIONS:
        # RSET: a refused DATA leaves the transaction open, and what comes then libmilter does not answer.
        steps = session(message(f"{stage}.{action}"), ["RSET"], message("fine", ("r3",)))
        libmilter.agree(name, steps)


def test_skip_of_a_libmilter_child(libmilter: Comparison) -> None:
    long = content(body="0123456789abcdef\r\n" * 20000)
    found = libmilter.agree("skipping", session(message("body.skip", text=long), message("fine", text=long)))
    assert sum(line.startswith("body 65535 ") for line in found.trace) == 1 + 360000 // 65535


@pytest.mark.parametrize("name", LIBMILTER)
def test_helo_recipients_and_unknown_commands(libmilter: Comparison, name: str) -> None:
    recipients: tuple[str, ...] = ("r1", "refused", "r2")
    if name != "quiet":  # a child that sends no replies can refuse nothing
        for action in ("reject", "tempfail", "reply", "accept", "close"):
            libmilter.agree(name, session(message("fine"), helo=f"helo.{action}"))
            libmilter.agree(name, session(message("fine", ("r1", f"rcpt.{action}", "r2"))))
        recipients = ("r1", "rcpt.reply", "refused", "rcpt.lines", "r2")
        libmilter.agree(name, session(["UNKNOWN.reject"], ["UNKNOWN.reply"], message("fine")))
    libmilter.agree(name, session(["NONSENSE a b"], message("eom.edits", recipients)))


@pytest.mark.parametrize("name", LIBMILTER)
def test_sessions_of_odd_shape(libmilter: Comparison, name: str) -> None:
    helo_again: list[Step] = ["MAIL FROM:<fine@sender.test>", "RCPT TO:<r1@rcpt.test>", "EHLO other.test"]
    libmilter.agree(name, session(helo_again, message("fine")))
    libmilter.agree(name, session(["MAIL FROM:<fine@sender.test>", "RSET", "RSET"], message("fine")))
    libmilter.agree(
        name,
        ["EHLO client.test", "MAIL FROM:<fine@sender.test> SIZE=100 BODY=8BITMIME", "RSET", *message("fine")],
    )
    odd = (
        "Subject:nospace\r\nX-Folded: a\r\n\tb\r\n  c\r\nX-Empty:\r\nX-Wide:   \t x\r\nX-8: \xe4\xff\r\n\r\n"
    )
    libmilter.agree(
        name, session(message("eom.edits", text=odd + "\xfe.\r\n..\r\n"), message("fine", text=odd))
    )


@pytest.fixture(scope="module")
def pymilter(directory: Path) -> Iterator[Comparison]:
    with ExitStack() as stack:
        foreign = stack.enter_context(_pymilter(directory))
        yield stack.enter_context(Comparison({"pymilter": foreign}))


@contextmanager
def _pymilter(directory: Path) -> Iterator[Foreign]:
    socket, trace = directory / "pymilter.sock", directory / "pymilter.trace"
    command: list[str | Path] = [SYSTEM_PYTHON, programs.HERE / "pymilter_child.py", f"local:{socket}", trace]
    with _program(command, directory, "pymilter", socket):
        yield Foreign(f"unix:{socket}", trace)


def test_edits_of_a_pymilter_child(pymilter: Comparison) -> None:
    found = pymilter.agree(
        "pymilter", session(message("fine"), message("eom.edits"), message("eom.quarantine"))
    )
    first, second, third = found.fates
    assert first is not None
    assert b"X-Pymilter: " in first.content
    assert second is not None
    assert second.sender == "changed@sender.test"
    assert second.recipients == ("added@rcpt.test", "r1@rcpt.test")
    assert second.content.endswith(b"replaced by pymilter\r\n" * 10)
    assert third is not None
    assert third.held


@pytest.mark.parametrize("stage", ["helo", "mail", "rcpt", "data", "eoh", "body", "eom"])
def test_verdicts_of_a_pymilter_child(pymilter: Comparison, stage: str) -> None:
    for action in ("reject", "tempfail", "discard", "accept", "reply", "lines"):
        order = f"{stage}.{action}"
        if stage == "helo":
            pymilter.agree("pymilter", session(message("fine"), helo=order))
        elif stage == "rcpt":
            pymilter.agree("pymilter", session(message("fine", ("r1", order, "r2"))))
        else:
            pymilter.agree("pymilter", session(message(order), ["RSET"], message("fine")))


@pytest.fixture(scope="module")
def python_index(directory: Path) -> Path:
    """The python of an environment with what the tests need from the Python index."""
    try:
        return programs.install(directory / "environment", *PYTHON_PACKAGES)
    except programs.ProgramError as error:
        pytest.skip(str(error))


@contextmanager
def _pure_python(python: Path, directory: Path, script: str) -> Iterator[Comparison]:
    (port,) = free_ports(1)
    command: list[str | Path] = [python, programs.HERE / script, str(port)]
    with (
        programs.Program(command, directory / f"{script}.log", lambda: programs.listens(port)),
        Comparison({"child": Foreign(f"inet:127.0.0.1:{port}")}) as comparison,
    ):
        yield comparison


def test_a_kilter_child(python_index: Path, directory: Path) -> None:
    """This library takes no second message before the ABORT that Postfix sends after each (S14)."""
    with _pure_python(python_index, directory, "kilter_child.py") as comparison:
        steps = session(message("fine"), message("edits"), message("fine", ("r3",)))
        plain, edited, last = comparison.agree("child", steps).fates
        assert plain is not None
        assert b"\r\nX-Kilter: 2 recipients\r\n" in plain.content
        assert edited is not None
        assert b"\r\nSubject: changed by kilter\r\n" in edited.content
        assert edited.content.endswith(b"\r\n\r\nreplaced by kilter\r\n")
        assert last is not None
        assert b"\r\nX-Kilter: 1 recipients\r\n" in last.content
        for word in ("mail.accept", "mail.reject", "mail.discard", "eom.reject", "eom.discard"):
            comparison.agree("child", session(message(word), message("fine")))
        # Its reply text lacks the NUL at the end (W17): Postfix tells the client what memory holds behind it.
        assert (
            "550 5.7.1 Command rejected\r\n"
            in comparison.run("mmx", "child", session(message("mail.reply"))).replies
        )


def test_a_purepythonmilter_child(python_index: Path, directory: Path) -> None:
    with _pure_python(python_index, directory, "purepython_child.py") as comparison:
        found = comparison.agree("child", session(message("fine"), message("fine", ("r3",))))
        first = found.fates[0]
        assert first is not None
        assert first.recipients == ("added@rcpt.test", "r1@rcpt.test")
        assert b"\r\nX-Pure: seen\r\n" in first.content
        assert first.content.endswith(b"\r\n\r\nreplaced by purepythonmilter\r\n")
        for word in ("mail.reply", "mail.discard"):
            comparison.agree("child", session(message(word), message("fine")))
        comparison.agree("child", session(message("fine", ("r1", "rcpt.tempfail", "r2"))))


@pytest.fixture(scope="module")
def endpoints(directory: Path) -> Iterator[dict[str, Path]]:
    """Where an MTA can connect: the libmilter child, mmx before it alone, mmx before three children."""
    program = programs.compile_child(directory / "peer")
    child, greedy = directory / "peer.sock", directory / "opendkim.sock"
    configuration = directory / "opendkim.conf"
    configuration.write_text(
        f"Syslog no\nSocket local:{greedy}\nUMask 000\nAuthservID mx.test.invalid\nMode v\n"
        "AlwaysAddARHeader yes\n"
    )
    with ExitStack() as stack:
        command: list[str | Path] = [program, "-p", f"local:{child}", "-m", "peer"]
        stack.enter_context(_program(command, directory, "peer", child))
        command = ["opendkim", "-f", "-x", configuration]
        stack.enter_context(_program(command, directory, "opendkim", greedy))
        pymilter = stack.enter_context(_pymilter(directory))
        peer = {"endpoint": f"unix:{child}"}
        three = {
            "opendkim": {"endpoint": f"unix:{greedy}"},
            "peer": peer,
            "pymilter": {"endpoint": pymilter.endpoint},
        }
        found = {"direct": child}
        for name, children in {"one": {"peer": peer}, "three": three}.items():
            found[name] = directory / f"mmx-{name}.sock"
            stack.enter_context(Mmx(found[name], children))
        yield found


@pytest.mark.parametrize("name", ["direct", "one", "three"])
def test_miltertest_as_the_mta(endpoints: dict[str, Path], name: str) -> None:
    command: list[str | Path] = [
        "miltertest",
        "-w",
        "-D",
        f"SOCKET=unix:{endpoints[name]}",
        "-s",
        programs.HERE / "sessions.lua",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr
    assert done.stdout.count("ok message ") == 9


def test_the_python_package_miltertest_as_the_mta(endpoints: dict[str, Path], python_index: Path) -> None:
    said = {}
    for name, endpoint in endpoints.items():
        command: list[str | Path] = [python_index, programs.HERE / "python_mta.py", endpoint]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (name, done.stderr)
        said[name] = done.stdout.splitlines()
    assert len(said["direct"]) == 7
    assert said["one"] == said["direct"]
    assert ["X-Pymilter" in line for line in said["three"]] == [True, True, True, False, True, False, False]
