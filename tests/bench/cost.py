"""What mmx itself costs, without Postfix: CPU a message, memory a session, memory for a big message.

The children are the trivial libmilter programs, the MTA is `milter_load`. Only the mmx process is looked at.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from mmx.wire import option
from tests.bench import milter_load
from tests.bench.children import Children
from tests.bench.daemon import daemon, pid_of
from tests.bench.message import SIZE
from tests.bench.milter_load import MilterClient
from tests.bench.plan import Plan
from tests.bench.processes import KIB, cpu_seconds, peak, reset_peak, resident
from tests.bench.table import Row, row
from tests.integration.daemon import Mmx

LARGE: Final = 25_000_000
MIB: Final = 1024 * KIB
EDITING: Final = option.ADDHDRS | option.CHGHDRS | option.CHGBODY


@contextmanager
def _running(plan: Plan, name: str, actions: int = 0, **child_settings: Any) -> Iterator[Mmx]:
    with ExitStack() as stack:
        children = stack.enter_context(Children(plan.program, plan.directory, f"{name}-", actions=actions))
        mmx = daemon(plan.directory, f"{name}.sock", children.endpoints, **child_settings)
        yield stack.enter_context(mmx)


def cpu(plan: Plan) -> list[Row]:
    """CPU time of mmx a message, in milliseconds."""
    cases: tuple[tuple[str, int, dict[str, Any], int], ...] = (
        ("CPU of mmx a message", 0, {}, 0),
        ("  with pipelining", 0, {"pipelining": True}, 0),
        ("  children that may edit", EDITING, {}, 0),
        ("  a new session for each message", 0, {}, 1),
    )
    found = []
    for number, (name, actions, settings, a_session) in enumerate(cases):
        with _running(plan, f"cpu{number}", actions, **settings) as mmx:
            values = [_milliseconds(plan, mmx, a_session) for _ in range(plan.rounds)]
        budget = {} if number else {"must": 2.5, "aim": 1.2}
        found.append(row(name, values, "ms", **budget))
    return found


def _milliseconds(plan: Plan, mmx: Mmx, a_session: int) -> float:
    pid = pid_of(mmx)
    milter_load.send(mmx.socket, 2 * milter_load.SESSIONS, a_session=a_session)
    before = cpu_seconds(pid)
    milter_load.send(mmx.socket, plan.cpu_messages, a_session=a_session)
    return (cpu_seconds(pid) - before) / plan.cpu_messages * 1000


def idle(plan: Plan) -> list[Row]:
    """Memory of mmx for a session that waits, in KiB."""
    found = []
    with _running(plan, "idle") as mmx, ExitStack() as clients:
        pid = pid_of(mmx)
        milter_load.send(mmx.socket, milter_load.SESSIONS)
        empty = resident(pid)
        found.append(row("memory of mmx, no session", [empty / MIB], "MiB"))
        sessions: list[MilterClient] = []
        for count in plan.idle_sessions:
            while len(sessions) < count:
                client = clients.enter_context(MilterClient(mmx.socket))
                client.greet()
                sessions.append(client)
            found.append(row(f"  {count} idle sessions", [resident(pid) / MIB], "MiB"))
        each = (resident(pid) - empty) / KIB / len(sessions)
        found.append(row("memory an idle session", [each], "KiB", must=60, aim=30))
        burst = milter_load.content_burst()
        for client in sessions:
            client.send(burst)
        each = (resident(pid) - empty) / KIB / len(sessions)
        found.append(row("  after a message in each", [each], "KiB"))
    return found


def large(plan: Plan) -> list[Row]:
    """Memory of mmx at the peak of a message of 25 MB, above what it held before, in MiB."""
    cases = (
        ("peak memory for 25 MB", 0, {"must": 8.0, "aim": 3.0}),
        ("  children that may edit", EDITING, {"must": 8.0, "aim": 3.0}),
    )
    burst = milter_load.content_burst(LARGE)
    return [
        row(name, [_extra_at_peak(plan, f"large{number}", actions, burst)], "MiB", **budget)
        for number, (name, actions, budget) in enumerate(cases)
    ]


def _extra_at_peak(plan: Plan, name: str, actions: int, burst: bytes) -> float:
    with _running(plan, name, actions) as mmx, MilterClient(mmx.socket) as client:
        pid = pid_of(mmx)
        client.greet()
        client.send(milter_load.content_burst(SIZE))
        before = resident(pid)
        reset_peak(pid)
        client.send(burst)
        return (peak(pid) - before) / MIB
