"""The apparatus of the differential test: one Postfix, the scripted children, mmx, and the comparison.

Theory of operation: three scripted children `a`, `b`, `c` listen on fixed sockets; the script inside them is
swapped between runs. One Postfix has an smtpd service for every combination of side, number of children and
milter_protocol: on the side `direct` its smtpd_milters lists the children themselves, on a side of mmx the
one socket of an mmx daemon that has the same children. smtpd(8) hands its milters to cleanup(8), so a
parameter of the service is enough. A script runs once on each side; an outcome is all that a client, a
recipient or a child can tell, with queue ids and dates replaced.

A message is found again by its queue id: it lies in one of the queues, or the sink has it, or it was
discarded. The queues are looked at in the order in which messages travel, so none is overlooked.
"""

import contextlib
import difflib
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.integration.daemon import Mmx, greet
from tests.integration.postfix import Postfix, Smtpd, eventually
from tests.integration.scripted_child import ChildScript, ScriptedChild
from tests.integration.scripts import Script
from tests.integration.sink import LmtpSink
from tests.integration.smtp_client import run_session
from tests.integration.views import View, normalised, views

DIRECT = "direct"
MMX = "mmx"
PROTOCOLS = (2, 3, 4, 6)
CHILDREN = ("a", "b", "c")
PIPELINING = ("no", "headers", "yes")
SETTLE_LIMIT = 20.0
FIRST_CHUNK = 65535
DIFFERENCE_LINES = 80


@dataclass(frozen=True)
class Fate:
    """What became of a message the server said it queued."""

    held: bool
    sender: str
    sender_options: str
    recipients: tuple[str, ...]
    content: bytes


@dataclass(frozen=True)
class Outcome:
    """All that can be told from outside; `views` by child and sender, of messages that reached their end."""

    replies: tuple[str, ...]
    fates: tuple[Fate | None, ...]
    views: tuple[dict[str, View], ...] = field(compare=False)

    def lines(self) -> list[str]:
        """The outcome as text, one fact a line."""
        lines = [f"reply {reply!r}" for reply in self.replies]
        for number, fate in enumerate(self.fates, 1):
            lines += _fate_lines(f"message {number}", fate)
        return lines


def _fate_lines(title: str, fate: Fate | None) -> list[str]:
    if fate is None:
        return [f"{title}: discarded, or left without recipients"]
    lines = [
        f"{title}: held={fate.held} sender={fate.sender!r} {fate.sender_options!r} to={list(fate.recipients)}"
    ]
    return lines + [f"{title} content {line!r}" for line in fate.content.split(b"\r\n")]


def _view_lines(title: str, view: View | None) -> list[str]:
    if view is None:
        return [f"{title}: never reached its end"]
    lines = [f"{title} mail {view.mail!r}", *(f"{title} rcpt {item!r}" for item in view.recipients)]
    lines += [f"{title} header {header!r}" for header in view.headers]
    lines += [f"{title} body {line!r}" for line in view.body.split(b"\r\n")]
    return lines + [f"{title} macro {name}={value!r}" for name, value in view.macros]


def difference(expected: Outcome, found: Outcome, with_views: bool = True) -> str:
    """A readable diff of two outcomes, empty when they agree.

    A child's view counts for messages whose end it saw in the expected outcome: mmx may show a child more,
    since it tells children of an event at once, but never less or anything else.
    """
    left, right = expected.lines(), found.lines()
    if with_views:
        for name, first, second in zip(CHILDREN, expected.views, found.views, strict=False):
            for sender, view in first.items():
                left += _view_lines(f"child {name} {sender}", view)
                right += _view_lines(f"child {name} {sender}", second.get(sender))
    if left == right:
        return ""
    lines = list(difflib.unified_diff(left, right, "expected", "found", n=2, lineterm=""))
    return "\n".join(line[:600] for line in lines[:DIFFERENCE_LINES])


def service(side: str, children: int, protocol: int, pipelining: str = "") -> str:
    return f"{side}-{children}-{protocol}" + (f"-{pipelining}" if side != DIRECT else "")


@dataclass(frozen=True)
class Settings:
    """How a rig differs from the plain one: failures mean `default_action` on both sides."""

    with_mmx: bool = True
    protocols: Sequence[int] = PROTOCOLS
    default_action: str = "tempfail"
    child: Mapping[str, Any] = field(default_factory=dict)  # further settings of every child of mmx
    main_cf: Mapping[str, str] = field(default_factory=dict)


class Rig:
    """Context manager; the mmx daemons start when they are first used."""

    def __init__(self, settings: Settings) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mmx-rig-"))
        self.directory.chmod(0o755)
        self._settings = settings
        self._stack = contextlib.ExitStack()
        self._daemons: dict[tuple[int, str], Mmx] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self.sink = LmtpSink()
            stack.callback(self.sink.close)
            self.children = [ScriptedChild(self.directory / name) for name in CHILDREN]
            for child in self.children:
                stack.callback(child.close)
            self.postfix = stack.enter_context(
                Postfix(self._services(), self.sink.port, self._settings.main_cf)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _services(self) -> list[Smtpd]:
        found = []
        for count in range(1, len(CHILDREN) + 1):
            for protocol in self._settings.protocols:
                options = {
                    "milter_protocol": str(protocol),
                    "milter_default_action": self._settings.default_action,
                }
                direct = [child.endpoint for child in self.children[:count]]
                found.append(Smtpd(service(DIRECT, count, protocol), direct, options))
                if self._settings.with_mmx:
                    for pipelining in PIPELINING:
                        endpoint = [f"unix:{self._socket(count, pipelining)}"]
                        found.append(Smtpd(service(MMX, count, protocol, pipelining), endpoint, options))
        return found

    def _socket(self, count: int, pipelining: str) -> Path:
        return self.directory / f"mmx{count}-{pipelining}"

    def daemon(self, count: int, pipelining: str) -> Mmx:
        """The mmx with the first `count` children."""
        found = self._daemons.get((count, pipelining))
        if found is None:
            settings = {
                child.path.name: {
                    "endpoint": child.endpoint,
                    "pipelining": pipelining,
                    **self._settings.child,
                }
                for child in self.children[:count]
            }
            action = {"default_action": self._settings.default_action}
            found = Mmx(self._socket(count, pipelining), settings, action)
            self._daemons[count, pipelining] = self._stack.enter_context(found)
        return found

    def run(self, script: Script, side: str, first: Mapping[int, ChildScript] | None = None) -> Outcome:
        """Run a script on one side; `first` holds, by child, what it does on its first connection only."""
        count = len(script.children)
        self._load(script)
        if side == MMX:
            self._show(script)
        for index, child_script in (first or {}).items():
            self.children[index].load(child_script, script.children[index])
        port = self.postfix.ports[service(side, count, script.milter_protocol, script.pipelining)]
        replies = run_session(port, script.steps)
        ids = [match[1] for reply in replies if (match := re.search(r"queued as (\w+)", reply))]
        fates = tuple(self._fate(queue_id) for queue_id in ids)
        self._settle()
        self.sink.forget()
        outcome_views = tuple(self._views(child) for child in self.children[:count])
        return Outcome(
            tuple(re.sub(r"queued as \w+", "queued as <id>", reply) for reply in replies),
            fates,
            outcome_views,
        )

    def _show(self, script: Script) -> None:
        """Let mmx meet the children's new options before the session counts.

        mmx answers Postfix from what it knows of its children, and no real child changes as these scripts do.
        """
        daemon = self.daemon(len(script.children), script.pipelining)
        greet(daemon.socket)
        self._settle()
        self._load(script)

    def _load(self, script: Script) -> None:
        for child, child_script in zip(self.children, script.children, strict=False):
            child.load(child_script)

    def _settle(self) -> None:
        if not eventually(
            lambda: not any(child.open_connections() for child in self.children), SETTLE_LIMIT, 0.002
        ):
            raise self.postfix.failure("children still have connections after the end of the session")

    def _fate(self, queue_id: str) -> Fate | None:
        held = False

        def settled() -> bool:
            nonlocal held
            queue = self.postfix.queue_of(queue_id)
            if queue == "hold":
                held = True
                self.postfix.release(queue_id)
            elif queue == "deferred" and not held:
                raise self.postfix.failure(f"{queue_id} is deferred")
            elif queue is not None:
                self.sink.wait(0.02)
            return queue is None

        if not eventually(settled, SETTLE_LIMIT, 0.001):
            raise self.postfix.failure(f"{queue_id} stays in the queue")
        deliveries = self.sink.deliveries(queue_id)
        if not deliveries:
            return None
        if len(deliveries) > 1:
            raise self.postfix.failure(f"{queue_id} was delivered {len(deliveries)} times")
        only = deliveries[0]
        content = normalised(only.content, queue_id)
        return Fate(held, only.sender, only.sender_options, only.recipients, content)

    @staticmethod
    def _views(child: ScriptedChild) -> dict[str, View]:
        found: dict[str, View] = {}
        for connection in child.connections:
            found.update(views(connection.packets))
            # How much is under way when a SKIP comes is a matter of time, with `pipelining`.
            if "Ls" in connection.answers:
                found = {sender: replace(view, headers=()) for sender, view in found.items()}
            if "Bs" in connection.answers:
                found = {
                    sender: replace(view, body=view.body[:FIRST_CHUNK]) for sender, view in found.items()
                }
        return found


def compare(rig: Rig, script: Script, sides: Sequence[str], with_views: bool = True) -> str:
    """Run a script on two sides; the difference, empty when there is none."""
    expected, found = (rig.run(script, side) for side in sides)
    return difference(expected, found, with_views)
