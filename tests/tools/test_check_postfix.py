"""Checks of Postfix as a whole."""

from dataclasses import replace

from mmx.detect.facts import Absence
from tests.tools.check_hosts import found, host


def test_a_host_without_postfix() -> None:
    view = replace(host(), postfix=Absence("Postfix is not installed"))
    assert [finding.seen for finding in found(view, "postfix.unseen")] == ["Postfix is not installed"]
    assert found(host(), "postfix.unseen") == []
