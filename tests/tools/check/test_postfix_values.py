"""The parameters milter_*: each finding, and that its command mends it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mmx.detect.facts import Failure
from mmx.settings.endpoint import InetEndpoint
from mmx.settings.model import ChildSettings, Limits, Settings
from mmx.tools.check.postfix_values import needed, seconds
from tests.tools.check_hosts import bad, host, only, pasted


@pytest.mark.parametrize(
    ("main", "name", "command"),
    [
        (
            {"milter_default_action": "accept"},
            "default-action-accept",
            "postconf -e milter_default_action=tempfail",
        ),
        ({"milter_default_action": "reject"}, "default-action", "postconf -e milter_default_action=tempfail"),
        (
            {"milter_default_action": "quarantine"},
            "default-action",
            "postconf -e milter_default_action=tempfail",
        ),
        (
            {"milter_default_action": "tmpfail"},
            "default-action",
            "postconf -e milter_default_action=tempfail",
        ),
        ({"milter_protocol": "2"}, "protocol", "postconf -e milter_protocol=6"),
        ({"milter_protocol": "4 no_header_reply"}, "protocol", "postconf -e milter_protocol=6"),
        ({"milter_connect_timeout": "1s"}, "timeout", "postconf -e milter_connect_timeout=5s"),
        ({"milter_command_timeout": "19"}, "timeout", "postconf -e milter_command_timeout=20s"),
        ({"milter_content_timeout": "10s"}, "timeout", "postconf -e milter_content_timeout=20s"),
        ({"milter_content_timeout": "soon"}, "timeout", "postconf -e milter_content_timeout=20s"),
        (
            {"smtpd_milters": "{ unix:mmx/mmx.sock, default_action=accept }"},
            "default-action-accept",
            "postconf -e 'smtpd_milters={ unix:mmx/mmx.sock, default_action=tempfail }'",
        ),
        (
            {"smtpd_milters": "{ unix:mmx/mmx.sock, command_timeout=5s default_action=tempfail } inet:h:7"},
            "timeout",
            (
                "postconf -e 'smtpd_milters={ unix:mmx/mmx.sock, command_timeout=20s, "
                "default_action=tempfail }, inet:h:7'"
            ),
        ),
    ],
)
def test_main_cf(main: Mapping[str, str], name: str, command: str) -> None:
    view = host(main)
    finding = only(view)
    assert finding.name == f"postfix.{name}"
    assert finding.commands == (command, "postfix reload")
    assert bad(pasted(view, finding)) == []


@pytest.mark.parametrize(
    ("parameter", "value", "mended"),
    [
        ("milter_default_action", "accept", "tempfail"),
        ("milter_protocol", "3", "6"),
        ("milter_command_timeout", "5s", "20s"),
    ],
)
def test_a_service_of_its_own_mind(parameter: str, value: str, mended: str) -> None:
    view = host(master={f"submission/inet/{parameter}": value})
    finding = only(view)
    assert finding.subject == f"master.cf: submission/inet/{parameter}"
    change = finding.commands[0].replace("'", "")
    assert change == f"postconf -P submission/inet/{parameter}={mended}"
    assert bad(pasted(view, finding)) == []


@pytest.mark.parametrize(
    "main",
    [
        {"milter_default_action": "shutdown"},
        {"milter_protocol": "6 no_header_reply"},
        {"milter_command_timeout": "1m"},
        {"smtpd_milters": "unix:mmx/mmx.sock, { inet:h:7, default_action=accept }"},
    ],
)
def test_what_is_right(main: Mapping[str, str]) -> None:
    assert bad(host(main)) == []


def test_time_that_mmx_needs() -> None:
    slow = ChildSettings("slow", InetEndpoint("127.0.0.1", 1), connect_timeout=40.0)
    least = {name: told for name, (told, _) in needed(Settings()).items()}
    assert least == {
        "milter_connect_timeout": 5.0,
        "milter_command_timeout": 20.0,
        "milter_content_timeout": 20.0,
    }
    assert needed(Settings(children=(slow,)))["milter_command_timeout"][0] == 50.0
    drain = Settings(limits=Limits(drain_timeout=45.0))
    assert needed(drain)["milter_command_timeout"][0] == 55.0
    finding = only(host(settings=drain))
    assert finding.seen == "`30s` is less than 55 s: a restart may take limits.drain_timeout and 10 s"


def test_times() -> None:
    assert [seconds(text) for text in ("7", "7s", "2m", "1h", "1d", "1w")] == [
        *(7, 7, 120, 3600, 86400, 604800),
    ]
    assert seconds("") is None
    assert seconds("$x") is None


def test_without_settings_the_usual_limits_hold() -> None:

    view = replace(host({"milter_command_timeout": "5s"}), loaded=Failure("wrong"))
    assert [finding.name for finding in bad(view) if "timeout" in finding.name] == ["postfix.timeout"]
