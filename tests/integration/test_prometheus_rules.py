"""The alerts that are shipped, as Prometheus' own tool sees them."""

import subprocess
from pathlib import Path

import pytest

from tests.integration import packages

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "etc" / "prometheus" / "mmx.rules.yml"
CASES = Path(__file__).parent / "mmx.rules.test.yml"


@pytest.fixture(autouse=True)
def promtool() -> None:
    packages.require(("prometheus",))


def run(*words: str | Path) -> None:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_valid() -> None:
    run("check", "rules", RULES)


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    run("test", "rules", CASES)
