"""Programs of other projects: milters behind mmx on libmilter in C, on python3-milter and on two libraries of
pure Python; opendkim's miltertest and the Python package miltertest as the MTA.

What a milter does behind mmx is compared with what it does listed in Postfix itself.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration import packages
from tests.integration.peers import programs
from tests.integration.peers.comparison import Comparison, Foreign
from tests.integration.scripts import content
from tests.integration.smtp_client import Step

PACKAGES = ("gcc", "libc6-dev", "libmilter-dev", "python3", "python3-milter", "miltertest")
SYSTEM_PYTHON = Path("/usr/bin/python3")

pytestmark = [pytest.mark.usefixtures("postfix_package"), pytest.mark.timeout(120)]

# Every variant of the libmilter child: its options and what they mean for it.
LIBMILTER = {
    "plain": (),
    "quiet": ("-n",),
    "skipping": ("-s", "-l"),
    "choosy": ("-g", "-l"),
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
            command = [program, "-p", f"local:{socket}", "-t", trace, *options]
            stack.enter_context(_program(command, directory, name, socket))
            children[name] = Foreign(f"unix:{socket}", trace)
        yield stack.enter_context(Comparison(children))


def _program(command: list[str | Path], directory: Path, name: str, socket: Path) -> programs.Program:
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


@pytest.mark.parametrize("name", LIBMILTER)
@pytest.mark.parametrize(
    "word", ["fine", "eom.edits", "eom.body", "eom.chunks", "eom.empty", "eom.progress", "eom.quarantine"]
)
def test_edits_of_a_libmilter_child(libmilter: Comparison, name: str, word: str) -> None:
    found = libmilter.agree(name, session(message(word), message("fine", ("r3",))))
    assert len(found.fates) == 2


@pytest.mark.parametrize("name", ["plain", "skipping"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("action", ACTIONS)
def test_verdicts_of_a_libmilter_child(libmilter: Comparison, name: str, stage: str, action: str) -> None:
    # RSET: after a refused DATA the transaction is open, and there mmx answers what libmilter leaves unanswered.
    libmilter.agree(name, session(message(f"{stage}.{action}"), ["RSET"], message("fine", ("r3",))))
