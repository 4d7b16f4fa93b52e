"""Messages a second through Postfix: the same children named in main.cf, and behind mmx.

One Postfix has an smtpd service for each case; the cases are run one after another, round by round, and only
one is loaded at a time. Messages go to the discard transport, and a run begins when the queue is empty. A
ratio is taken within each round; the figure is the median over the rounds.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from mmx.wire import option
from tests.bench import smtp_load
from tests.bench.children import Children
from tests.bench.daemon import daemon, pid_of
from tests.bench.errors import BenchError
from tests.bench.plan import Plan
from tests.bench.processes import cpu_seconds, family_cpu_seconds, machine_cpu_seconds
from tests.bench.table import Row, row
from tests.integration.postfix import Postfix, Smtpd, eventually

DRAIN_LIMIT: Final = 60.0
WARM_UP: Final = 2 * smtp_load.SESSIONS
SLOW: Final = 50
_EDITING: Final = option.ADDHDRS | option.CHGHDRS


@dataclass(frozen=True)
class Case:
    """One way to run the children. `delay` is in milliseconds; `mmx`: its child settings, None without it."""

    name: str
    title: str
    children: int = 3
    actions: int = 0
    delay: int = 0
    mmx: dict[str, Any] | None = None


@dataclass(frozen=True)
class Comparison:
    """A ratio of two cases, by name, with its budget."""

    title: str
    of: str
    to: str
    budget: dict[str, float]


CASES: Final = (
    Case("none", "no milter", children=0),
    Case("direct", "3 trivial children, Postfix direct"),
    Case("mmx", "3 trivial children, mmx", mmx={}),
    Case("pipelining", "3 trivial children, mmx, pipelining", mmx={"pipelining": True}),
    Case("edits", "3 children that may edit, mmx", actions=_EDITING, mmx={}),
    Case("slow", "3 children of 50 ms, Postfix direct", delay=SLOW),
    Case("slow-mmx", "3 children of 50 ms, mmx, original", delay=SLOW, mmx={"content": "original"}),
    Case(
        "slow-ahead",
        "3 children of 50 ms, mmx, original, pipelining",
        delay=SLOW,
        mmx={"content": "original", "pipelining": True},
    ),
)
_TRIVIAL_BUDGET: Final = {"must": 1.0, "aim": 1.3, "at_least": 1.0}
_SLOW_BUDGET: Final = {"must": 2.3, "aim": 2.8, "at_least": 1.0}
COMPARISONS: Final = (
    Comparison("mmx / direct, trivial", "mmx", "direct", _TRIVIAL_BUDGET),
    Comparison("  with pipelining", "pipelining", "direct", _TRIVIAL_BUDGET),
    Comparison("  children that may edit", "edits", "direct", {}),
    Comparison("mmx / direct, 50 ms, original", "slow-mmx", "slow", _SLOW_BUDGET),
    Comparison("  with pipelining", "slow-ahead", "slow", _SLOW_BUDGET),
)


@dataclass(frozen=True)
class Sample:
    """One run: messages a second, and CPU milliseconds a message by who spent them."""

    rate: float
    postfix: float
    children: float
    mmx: float
    others: float
    """Processors that were busy with something else meanwhile, the clients apart."""

    @property
    def cpu(self) -> float:
        """What the message cost all of them together."""
        return self.postfix + self.children + self.mmx


class Bench:
    """A running case: where to send, and whose CPU time to read."""

    def __init__(self, case: Case, children: Children | None, mmx_pid: int) -> None:
        self.case = case
        self._children = children
        self._mmx = mmx_pid

    def run(self, postfix: Postfix, messages: int) -> Sample:
        begin = self._cpu(postfix)
        seconds = smtp_load.send(postfix.ports[self.case.name], messages)
        drain(postfix)
        spent = [after - before for before, after in zip(begin, self._cpu(postfix), strict=True)]
        elapsed, everything, clients, *ours = spent
        of_postfix, of_children, of_mmx = (part / messages * 1000 for part in ours)
        others = (everything - clients - sum(ours)) / elapsed
        return Sample(messages / seconds, of_postfix, of_children, of_mmx, others)

    def _cpu(self, postfix: Postfix) -> tuple[float, ...]:
        """Seconds: the clock, all processors, this process, Postfix, the children, mmx."""
        times = os.times()
        return (
            times.elapsed,
            machine_cpu_seconds(),
            times.user + times.system,
            family_cpu_seconds(master_pid(postfix)),
            sum(cpu_seconds(pid) for pid in self._children.pids) if self._children else 0.0,
            cpu_seconds(self._mmx) if self._mmx else 0.0,
        )


def throughput(plan: Plan) -> list[Row]:
    """Rates, ratios and CPU time of all cases."""
    with ExitStack() as stack:
        benches, services = [], []
        for case in CASES:
            bench, milters = stack.enter_context(_bench(plan, case))
            benches.append(bench)
            services.append(Smtpd(case.name, milters))
        # The discard transport takes the place of the LMTP port, which therefore nobody needs to listen on.
        postfix = stack.enter_context(Postfix(services, 9, {"default_transport": "discard:"}))
        for bench in benches:
            bench.run(postfix, WARM_UP)
        samples: dict[str, list[Sample]] = {case.name: [] for case in CASES}
        for _ in range(plan.rounds):
            for bench in benches:
                messages = plan.slow_messages if bench.case.delay else plan.messages
                samples[bench.case.name].append(bench.run(postfix, messages))
    return _rows(samples)


@contextmanager
def _bench(plan: Plan, case: Case) -> Iterator[tuple[Bench, list[str]]]:
    """The children of a case, and mmx if it has one; what Postfix is to be told of them."""
    if not case.children:
        yield Bench(case, None, 0), []
        return
    options = {"count": case.children, "actions": case.actions, "delay": case.delay}
    with Children(plan.program, plan.directory, f"{case.name}-", **options) as children:
        if case.mmx is None:
            yield Bench(case, children, 0), children.endpoints
            return
        with daemon(plan.directory, f"{case.name}.sock", children.endpoints, **case.mmx) as mmx:
            yield Bench(case, children, pid_of(mmx)), [f"unix:{mmx.socket}"]


def _rows(samples: dict[str, list[Sample]]) -> list[Row]:
    found = []
    for comparison in COMPARISONS:
        pairs = list(zip(samples[comparison.of], samples[comparison.to], strict=True))
        found.append(row(comparison.title, [of.rate / to.rate for of, to in pairs], "x", **comparison.budget))
        found.append(row("    CPU in all, inverse", [to.cpu / of.cpu for of, to in pairs], "x"))
    found += [row(case.title, [sample.rate for sample in samples[case.name]], "msg/s") for case in CASES]
    for case in CASES:
        taken = samples[case.name]
        found.append(row(f"CPU in all: {case.title}", [sample.cpu for sample in taken], "ms/msg"))
        if case.children:
            found.append(row("  of it Postfix", [sample.postfix for sample in taken], "ms/msg"))
            found.append(row("  of it the children", [sample.children for sample in taken], "ms/msg"))
        if case.mmx is not None:
            found.append(row("  of it mmx", [sample.mmx for sample in taken], "ms/msg"))
    others = [sample.others for taken in samples.values() for sample in taken]
    found.append(row("busy with other things meanwhile", others, "cores"))
    return found


def master_pid(postfix: Postfix) -> int:
    """The process that all daemons of this Postfix are children of."""
    return int((postfix.queue / "pid" / "master.pid").read_text())


def drain(postfix: Postfix) -> None:
    """Wait until every message has been discarded: the next run shall not pay for this one."""

    def is_empty() -> bool:
        return not any(any((postfix.queue / name).iterdir()) for name in ("incoming", "active"))

    if not eventually(is_empty, DRAIN_LIMIT):
        raise BenchError("the queue does not drain")
