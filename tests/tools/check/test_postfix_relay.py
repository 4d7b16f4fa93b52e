"""Open relays: each finding, and that its command mends it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mmx.tools.check.finding import Level
from mmx.tools.check.host import HostView
from mmx.tools.check.postfix_look import PostfixView
from mmx.tools.check.postfix_relay import closed_list
from tests.tools.check_hosts import bad, host, pasted

RELAY, RECIPIENT = "smtpd_relay_restrictions", "smtpd_recipient_restrictions"


@pytest.mark.parametrize(
    ("relay", "recipient"),
    [
        ("", ""),
        ("permit", ""),
        ("permit_mynetworks, permit_sasl_authenticated", "check_client_access hash:/etc/a"),
        ("permit_mynetworks permit reject_unauth_destination", ""),
        ("warn_if_reject reject_unauth_destination", "permit"),
    ],
)
def test_open(relay: str, recipient: str) -> None:
    view = host({RELAY: relay, RECIPIENT: recipient})
    (finding,) = bad(view)
    assert (finding.name, finding.level) == ("postfix.open-relay", Level.ERROR)
    assert finding.subject == f"main.cf: {RELAY}"
    assert bad(pasted(view, finding)) == []


@pytest.mark.parametrize(
    ("relay", "recipient"),
    [
        ("reject_unauth_destination", ""),
        ("", "permit_mynetworks reject_unauth_destination, permit"),
        ("permit_mynetworks,defer_unauth_destination", "permit"),
        ("permit", "reject"),
        ("{ check_client_access hash:/etc/a } { reject }", ""),
    ],
)
def test_closed(relay: str, recipient: str) -> None:
    assert bad(host({RELAY: relay, RECIPIENT: recipient})) == []


def test_a_service_that_is_open() -> None:
    view = host(master={f"submission/inet/{RELAY}": "permit_sasl_authenticated"})
    (finding,) = bad(view)
    assert finding.commands[0] == (
        f"postconf -P submission/inet/{RELAY}=permit_sasl_authenticated,reject_unauth_destination"
    )
    assert bad(pasted(view, finding)) == []
    assert bad(host(master={f"submission/inet/{RELAY}": "permit_sasl_authenticated,reject"})) == []


def test_a_service_without_its_refusal() -> None:
    """The restrictions of recipients are the service's, those of relaying are main.cf's."""
    view = host({RELAY: "", RECIPIENT: "reject_unauth_destination"}, {f"submission/inet/{RECIPIENT}": ""})
    (finding,) = bad(view)
    assert finding.subject == f"main.cf: {RELAY}"
    assert bad(pasted(view, finding)) == []


def test_the_list_is_kept() -> None:
    assert closed_list("check_client_access hash:/a, permit, reject_x") == (
        "check_client_access hash:/a reject_unauth_destination permit reject_x"
    )
    assert closed_list("").startswith("permit_mynetworks, ")


@pytest.mark.parametrize(
    ("value", "mended"),
    [
        ("127.0.0.0/8 0.0.0.0/0", "127.0.0.0/8"),
        ("0.0.0.0/0", "127.0.0.0/8 [::1]/128"),
        ("[::]/0, 10.0.0.0/8", "10.0.0.0/8"),
        ("0.0.0.0/1 128.0.0.0/1 hash:/etc/a", "hash:/etc/a"),
    ],
)
def test_the_world_in_mynetworks(value: str, mended: str) -> None:
    view = host({"mynetworks": value})
    (finding,) = bad(view)
    assert (finding.name, finding.level) == ("postfix.mynetworks", Level.ERROR)
    assert finding.commands[0].replace("'", "") == f"postconf -e mynetworks={mended}"
    assert bad(pasted(view, finding)) == []


@pytest.mark.parametrize(
    "value", ["10.0.0.0/8", "!0.0.0.0/0 127.0.0.1", "2001:db8::/32 fd00::/16", "/etc/nets", ""]
)
def test_networks_that_are_fine(value: str) -> None:
    assert bad(host({"mynetworks": value})) == []


def test_a_service_for_everybody() -> None:
    view = host(master={"submission/inet/mynetworks": "0.0.0.0/0"})
    (finding,) = bad(view)
    assert finding.commands[0] == "postconf -P 'submission/inet/mynetworks=127.0.0.0/8,[::1]/128'"
    assert bad(pasted(view, finding)) == []


@pytest.mark.parametrize(
    ("style", "level"), [("class", Level.WARNING), ("subnet", Level.NOTE), ("host", None)]
)
def test_style(style: str, level: Level | None) -> None:
    def without(view: HostView, values: Mapping[str, str]) -> HostView:
        assert isinstance(view.postfix, PostfixView)
        full = {**view.postfix.full, **values}
        main = {name: old for name, old in view.postfix.main.items() if name != "mynetworks"}
        return replace(view, postfix=replace(view.postfix, main=main, full=full))

    view = without(host(), {"mynetworks_style": style, "mynetworks": "127.0.0.0/8 192.0.2.0/24"})
    found = bad(view)
    assert [finding.level for finding in found] == ([level] if level else [])
    for finding in found:
        assert finding.commands == ("postconf -e mynetworks_style=host", "postfix reload")
        assert bad(pasted(view, finding)) == []
    assert bad(host({"mynetworks_style": style})) == [], "what is set holds"
