"""The command line: python -m tests.bench [--quick] [--only NAME ...] [--json FILE] [--profile FILE]."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.bench import machine, profile
from tests.bench.children import compile_child
from tests.bench.conditions import conditions
from tests.bench.core import core
from tests.bench.cost import cpu, idle, large
from tests.bench.errors import BenchError
from tests.bench.observability import observability
from tests.bench.plan import Plan
from tests.bench.table import Row, render, write_json
from tests.bench.throughput import throughput

BENCHMARKS: Final[dict[str, Callable[[Plan], list[Row]]]] = {
    "throughput": throughput,
    "cpu": cpu,
    "core": core,
    "conditions": conditions,
    "idle": idle,
    "large": large,
    "observability": observability,
}
NEEDS_ROOT: Final = frozenset({"throughput"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; 0 if they ran, whatever they found (1 with --strict when a must is missed)."""
    options = _parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="mmx-bench-") as name:
            directory = Path(name)
            directory.chmod(0o755)  # smtpd(8) reaches the sockets in it as another user
            plan = _plan(options, directory)
            if options.profile is not None:
                _show(profile.run(plan, options.profile, pipelining=options.pipelining))
                return 0
            rows = _measure(plan, options)
    except BenchError as error:
        _tell(f"bench: {error}")
        return 1
    missed = [row for row in rows if row.verdict == "MISSED"]
    return 1 if options.strict and missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", allow_abbrev=False, description="Benchmarks of mmx."
    )
    parser.add_argument("--quick", action="store_true", help="small counts: shows that everything runs")
    parser.add_argument(
        "--only",
        action="append",
        choices=list(BENCHMARKS),
        metavar="NAME",
        help=f"one of {', '.join(BENCHMARKS)}",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="repeat each measurement so often")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a must is missed")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="cProfile of the cpu load instead")
    parser.add_argument("--pipelining", action="store_true", help="with --profile: children fed ahead")
    return parser


def _plan(options: argparse.Namespace, directory: Path) -> Plan:
    program = compile_child(directory)
    if options.quick:
        return Plan(program, directory, options.rounds or 1, 64, 32, 64, (20, 50))
    if options.rounds:
        return Plan(program, directory, options.rounds)
    return Plan(program, directory)


def _measure(plan: Plan, options: argparse.Namespace) -> list[Row]:
    facts = machine.machine(plan.program)
    _show(machine.line(facts))
    rows: list[Row] = []
    for name in options.only or BENCHMARKS:
        if name in NEEDS_ROOT and os.geteuid() != 0:
            _tell(f"{name}: left out, it starts Postfix and needs root")
            continue
        _tell(f"{name} ...")
        rows += BENCHMARKS[name](plan)
    facts["load after"] = machine.load()
    _show(render(rows))
    if options.json is not None:
        write_json(options.json, facts, rows)
    return rows


def _show(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
