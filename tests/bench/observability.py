"""What it costs to tell: metrics and the line of each message, and a Prometheus that asks too often.

Daemons with the same children stand side by side: one as it comes, one that logs no messages, one that counts
nothing either (`unobserved`). They are loaded in turn, so that all see the same machine.
"""

import http.client
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.bench import milter_load
from tests.bench.children import Children
from tests.bench.daemon import pid_of
from tests.bench.errors import BenchError
from tests.bench.plan import Plan
from tests.bench.processes import cpu_seconds
from tests.bench.table import Row, row
from tests.integration.daemon import Mmx
from tests.integration.test_status_page import free_port

SCRAPES_A_SECOND: Final = 10
_NO_LINES: Final = {"metrics": {"listen": None}, "log": {"level": "warning"}}


class Unobserved(Mmx):
    """mmx that tells nothing."""

    program = ("-m", "tests.bench.unobserved")


def observability(plan: Plan) -> list[Row]:
    """The share of CPU time that telling takes, and what is left of the rate of mail while it is scraped."""
    port = free_port()
    served = {"metrics": {"listen": f"127.0.0.1:{port}"}}
    with ExitStack() as stack:
        telling = stack.enter_context(_running(plan, Mmx, "telling", served))
        counting = stack.enter_context(_running(plan, Mmx, "counting", _NO_LINES))
        silent = stack.enter_context(_running(plan, Unobserved, "silent", _NO_LINES))
        for mmx in (telling, counting, silent):
            milter_load.send(mmx.socket, 2 * milter_load.SESSIONS)
        costs = [_cost(plan, telling, silent) for _ in range(plan.rounds)]
        counts = [_cost(plan, counting, silent) for _ in range(plan.rounds)]
        scraped = [_scraped(plan, telling, port) for _ in range(plan.rounds)]
    rates, scrapes = zip(*scraped, strict=True)
    often = f"rate of mail while scraped {SCRAPES_A_SECOND} times a second"
    return [
        row("metrics and message log, of the CPU time", costs, "%", must=5, aim=3),
        row("  metrics alone", counts, "%"),
        row(often, rates, "", must=0.95, aim=0.98, at_least=1.0),
        row("  one scrape", [seconds * 1000 for seconds in scrapes], "ms"),
    ]


@contextmanager
def _running(plan: Plan, kind: type[Mmx], name: str, more: Mapping[str, Any]) -> Iterator[Mmx]:
    with Children(plan.program, plan.directory, f"{name}-") as children:
        spool = Path(plan.directory, f"{name}.spool")
        spool.mkdir()
        endpoints = {f"child{number}": {"endpoint": one} for number, one in enumerate(children.endpoints)}
        settings = {"spool_directory": str(spool), "socket_group": None, **more}
        with kind(plan.directory / f"{name}.sock", endpoints, settings) as mmx:
            yield mmx


def _cost(plan: Plan, telling: Mmx, silent: Mmx) -> float:
    """Per cent of the CPU time of a message that telling takes."""
    order = (silent, telling, telling, silent)  # what changes steadily meanwhile meets both alike
    first, second, third, last = (_cpu(plan, mmx) for mmx in order)
    return (second + third) / (first + last) * 100 - 100


def _cpu(plan: Plan, mmx: Mmx) -> float:
    before = cpu_seconds(pid_of(mmx))
    milter_load.send(mmx.socket, plan.cpu_messages)
    return cpu_seconds(pid_of(mmx)) - before


def _scraped(plan: Plan, mmx: Mmx, port: int) -> tuple[float, float]:
    """The rate of mail with scrapes to that without, and the seconds of a scrape meanwhile."""
    without = _seconds(plan, mmx)
    scraper = Scraper(port)
    with_them = _seconds(plan, mmx)
    return without / with_them, scraper.stop()


def _seconds(plan: Plan, mmx: Mmx) -> float:
    began = time.monotonic()
    milter_load.send(mmx.socket, plan.cpu_messages)
    return time.monotonic() - began


class Scraper:
    """A client that reads /metrics at a fixed rate over one connection, until it is stopped."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._stop = threading.Event()
        self._durations: list[float] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> float:
        """Mean seconds of a scrape."""
        self._stop.set()
        self._thread.join()
        self._connection.close()
        if not self._durations:
            raise BenchError("/metrics was not answered")
        return sum(self._durations) / len(self._durations)

    def _run(self) -> None:
        while not self._durations or not self._stop.wait(1 / SCRAPES_A_SECOND):
            began = time.monotonic()
            self._connection.request("GET", "/metrics")
            answer = self._connection.getresponse()
            if answer.status != http.client.OK or not answer.read():
                return
            self._durations.append(time.monotonic() - began)
