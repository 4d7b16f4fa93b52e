import os
import signal
import sys
import time

import pytest

from mmx.detect.commands import ENVIRONMENT, Answer, run

PYTHON = sys.executable
LIMIT = 20.0


def test_output_errors_and_status() -> None:
    code = "import sys; print('out'); print('first\\nlast', file=sys.stderr); sys.exit(3)"
    answer = run([PYTHON, "-c", code], LIMIT)
    assert answer == Answer(b"out\n", b"first\nlast\n", 3)
    assert answer.complaint == "last"


def test_a_program_gets_a_clean_environment_and_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "")
    code = "import os, sys; print(sorted(os.environ)); print(os.getcwd()); print(sys.stdin.read() == '')"
    lines = run([PYTHON, "-c", code], LIMIT).output.decode().splitlines()
    assert {*ENVIRONMENT} <= {*eval(lines[0])} <= {*ENVIRONMENT, "LC_CTYPE"}  # noqa: S307  # its own output
    assert lines[1:] == ["/", "True"]


def test_who_takes_too_long_is_killed_with_all_it_started(time_unit: float) -> None:
    code = "import os, time; os.fork() or time.sleep(600); time.sleep(600)"
    began = time.monotonic()
    answer = run([PYTHON, "-c", code], 0.2 * time_unit)
    assert answer.failure == f"{os.path.basename(PYTHON)} did not answer within {0.2 * time_unit:g} s"  # noqa: PTH119
    assert time.monotonic() - began < LIMIT * time_unit


def test_a_program_that_is_not_there() -> None:
    answer = run(["/nonexistent/systemctl"], LIMIT)
    assert answer.complaint == "systemctl cannot be run: No such file or directory"


def test_a_program_that_dies() -> None:
    answer = run([PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSYS)"], LIMIT)
    assert answer.failure.endswith(f"was killed by signal {signal.SIGSYS.value}")


def test_a_status_alone_is_a_complaint_too() -> None:
    assert Answer(status=2).complaint == "exit status 2"
