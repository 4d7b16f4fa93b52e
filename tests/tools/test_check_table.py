"""The table of checks."""

from mmx.tools.check_finding import Level
from mmx.tools.check_table import CHECKS, KINDS, examine
from tests.tools.check_hosts import host


def test_names_are_different() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_names_have_an_area() -> None:
    assert [kind.name for kind in KINDS if "." not in kind.name or kind.name.endswith(".ok")] == []


def test_every_check_says_something_of_a_healthy_host() -> None:
    """What was looked at is told, also where it is as it should be."""
    assert [check.look.__name__ for check in CHECKS if not list(check.look(host()))] == []
    assert all(finding.level is Level.OK for finding in examine(host()))
