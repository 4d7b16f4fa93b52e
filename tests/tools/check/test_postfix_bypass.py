"""What has mail pass the lists by, or pass them twice: each finding, and that its command mends it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mmx.tools.check.finding import Level
from mmx.tools.check.host import HostView
from mmx.tools.check.postfix_look import Service
from mmx.tools.check.table import examine
from tests.tools.check_hosts import SERVICES, host, only, pasted, postfix

MMX = "unix:mmx/mmx.sock"
BACK = "127.0.0.1:10025/inet"
FILTER = {"content_filter": "smtp:[127.0.0.1]:10024"}


@pytest.mark.parametrize(
    ("main", "name", "command"),
    [
        ({"smtpd_milter_maps": "cidr:/etc/postfix/maps"}, "milter-maps", "postconf -e smtpd_milter_maps="),
        (
            {"internal_mail_filter_classes": "bounce"},
            "internal-mail",
            "postconf -X internal_mail_filter_classes",
        ),
    ],
)
def test_main_cf(main: Mapping[str, str], name: str, command: str) -> None:
    view = host(main)
    finding = only(view)
    assert finding.name == f"postfix.{name}"
    assert finding.commands == (command, "postfix reload")
    assert [one for one in examine(pasted(view, finding)) if one.level is not Level.OK] == []


def with_back(main: Mapping[str, str], master: Mapping[str, str]) -> HostView:
    """A host with a service for mail that comes back from a content filter."""
    services = (*SERVICES, Service(BACK, "smtpd", chroot=True))
    return replace(host(), postfix=postfix(main, master, services))


@pytest.mark.parametrize("master", [{}, {f"{BACK}/smtpd_milters": MMX}])
def test_mail_that_is_filtered_again(master: Mapping[str, str]) -> None:
    view = with_back(FILTER, master)
    finding = only(view)
    assert finding.name == "postfix.filtered-again"
    assert finding.commands == (f"postconf -P {BACK}/smtpd_milters=", "postfix reload")
    assert [one for one in examine(pasted(view, finding)) if one.level is not Level.OK] == []


@pytest.mark.parametrize(
    ("main", "master"),
    [
        ({}, {}),
        (FILTER, {f"{BACK}/smtpd_milters": ""}),
        (FILTER, {f"{BACK}/receive_override_options": "no_header_body_checks,no_milters"}),
    ],
)
def test_mail_that_is_filtered_once(main: Mapping[str, str], master: Mapping[str, str]) -> None:
    assert [one for one in examine(with_back(main, master)) if one.level is not Level.OK] == []


def test_milters_that_are_switched_off() -> None:
    view = host({"receive_override_options": "no_milters, no_address_mappings"})
    finding = only(view)
    assert (finding.name, finding.level) == ("postfix.no-milters", Level.WARNING)
    assert finding.commands[0] == "postconf -e receive_override_options=no_address_mappings"
    assert [one for one in examine(pasted(view, finding)) if one.level is not Level.OK] == []
    view = host(master={"submission/inet/receive_override_options": "no_milters"})
    assert only(view).commands[0] == "postconf -P submission/inet/receive_override_options="
