"""What every test shares.

Environment variables that the tests obey:

MMX_TEST_PROFILE     hypothesis profile: fast (default) or deep
MMX_TEST_TIME_UNIT   factor for every period a test waits or sets, default 1.0; raise it on a slow machine
MMX_TEST_SKIP_FAILS  when 1, a skipped test counts as failed
MMX_TEST_INSTALL     when 1, tests/integration may install Debian packages
"""

import logging
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
ON_REQUEST = (TESTS / "integration", TESTS / "bench")

# No deadline: the time of one example depends on the machine's load.
settings.register_profile("fast", max_examples=60, deadline=None)
settings.register_profile(
    "deep", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
PROFILE = os.environ.get("MMX_TEST_PROFILE", "fast")
DEEP_TIMEOUT = 1800
settings.load_profile(PROFILE)

# What a shell runs in the background has SIGINT ignored, and so have the programs started from there: those
# that a test interrupts would not notice.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def time_unit() -> float:
    """The unit of time of tests, in seconds times the factor of MMX_TEST_TIME_UNIT."""
    return float(os.environ.get("MMX_TEST_TIME_UNIT", "1.0"))


@pytest.fixture
def logger_restored() -> Iterator[None]:
    """The logger of mmx is left as it was found."""
    logger = logging.getLogger("mmx")
    handlers, propagate, level = logger.handlers[:], logger.propagate, logger.level
    yield
    for handler in set(logger.handlers) - set(handlers):
        handler.close()
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave tests/integration and tests/bench out unless a path in them was asked for."""
    if collection_path not in ON_REQUEST:
        return None
    asked = [(config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args]
    return None if any(path.is_relative_to(collection_path) for path in asked) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of a deep run the time that its many examples take."""
    if PROFILE == "deep":
        for item in items:
            item.add_marker(pytest.mark.timeout(DEEP_TIMEOUT))


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure; an expected failure also reports as skipped and stays one."""
    if os.environ.get("MMX_TEST_SKIP_FAILS") != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid}: {reason}; no test may be skipped here (MMX_TEST_SKIP_FAILS=1)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report
