"""Conditions on what a real Postfix says of a client and its mail.

One mmx has a child for each condition. Clients are made up with XCLIENT, which Postfix allows from loopback:
name, address, login, and a name server that does not answer. Whoever is connected to saw the message.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.integration.daemon import Mmx
from tests.integration.postfix import Postfix, Smtpd, eventually
from tests.integration.scripted_child import ChildScript, ScriptedChild
from tests.integration.scripts import message
from tests.integration.sink import LmtpSink
from tests.integration.smtp_client import Step, run_session

WHEN: Final[Mapping[str, list[str]]] = {
    "all": [],
    "authenticated": ["authenticated"],
    "unauthenticated": ["unauthenticated"],
    "local": ["local"],
    "remote": ["remote"],
    "s25r": ["s25r"],
    "not-s25r": ["not s25r"],
    "name": ["name"],
    "not-name": ["not name"],
    "table": ["table"],
    "submission": ["submission"],
    "not-submission": ["not submission"],
    "trusted": ["trusted_domain"],
    "tls": ["tls"],
    "big": ["big"],
    "not-big": ["not big"],
    "marked": ["marked"],
    "greylist": ["remote", "unauthenticated", "s25r"],
}
CONDITIONS: Final[Mapping[str, Any]] = {
    "name": {"client_name": ".example.com"},
    "tls": {"macro": {"{tls_version}": "*"}},
    "big": {"size_above": "10KiB"},
    "marked": {"header": {"X-Mark": "yes"}},
}
FROM_ALL: Final = {
    "inet_protocols": "all",
    "relay_domains": "rcpt.test",
    "relay_transport": "$default_transport",
    "smtpd_relay_restrictions": "permit_auth_destination, reject",
}
LIMIT: Final = 20.0


@dataclass(frozen=True)
class Site:
    children: Mapping[str, ScriptedChild]
    postfix: Postfix
    sink: LmtpSink

    def seen_by(self, client: str, *, service: str = "smtp", text: str | None = None) -> set[str]:
        """The names of the children that had seen the message when its verdict was given."""
        for child in self.children.values():
            child.load(ChildScript())
        steps: list[Step] = ["EHLO client.test", f"XCLIENT {client}", "EHLO client.test"]
        replies = run_session(self.postfix.ports[service], [*steps, *message(text=text), "QUIT"])
        assert replies[-2].startswith("250 "), replies
        assert eventually(lambda: not self._busy(), LIMIT)
        return {name for name, child in self.children.items() if _saw_the_end(child)}

    def _busy(self) -> bool:
        return any(child.open_connections() for child in self.children.values())


def _saw_the_end(child: ScriptedChild) -> bool:
    return any(code == "E" for connection in child.connections for code, _ in connection.packets)


@pytest.fixture(scope="module")
def site(postfix_package: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    table = tmp_path_factory.mktemp("tables") / "networks"
    table.write_text("192.0.2.7 DUNNO\n192.0.2.0/24 OK\n2001:db8::/32 OK\n")
    sink = LmtpSink()
    with Postfix((), sink.port) as base:
        children = {name: ScriptedChild(base.directory / name) for name in WHEN}
        listen = {name: base.directory / f"mmx-{name}" for name in ("smtp", "submission")}
        settings = {
            "listen": [{"name": name, "endpoint": f"unix:{path}"} for name, path in listen.items()],
            "local_networks": ["10.0.0.0/8"],
            "trusted_domains": ["sender.test"],
            "conditions": {**CONDITIONS, "table": {"client": [f"file:{table}"]}},
        }
        wanted = {name: {"endpoint": child.endpoint, "when": WHEN[name]} for name, child in children.items()}
        smtpds = [Smtpd(name, (f"unix:{path}",)) for name, path in listen.items()]
        with Mmx(listen["smtp"], wanted, settings), Postfix(smtpds, sink.port, FROM_ALL) as postfix:
            yield Site(children, postfix, sink)
        for child in children.values():
            child.close()
    sink.close()


STRANGER: Final = {
    "all",
    "unauthenticated",
    "remote",
    "not-s25r",
    "not-name",
    "not-submission",
    "trusted",
    "not-big",
}


def test_a_stranger(site: Site) -> None:
    assert site.seen_by("NAME=mail.example.net ADDR=198.51.100.7") == STRANGER


def test_a_login(site: Site) -> None:
    seen = site.seen_by("NAME=mail.example.net ADDR=198.51.100.7 LOGIN=ann")
    assert seen == STRANGER - {"unauthenticated"} | {"authenticated"}


def test_another_listener(site: Site) -> None:
    seen = site.seen_by("NAME=mail.example.net ADDR=198.51.100.7", service="submission")
    assert seen == STRANGER - {"not-submission"} | {"submission"}


DIAL_UP: Final = {"s25r", "greylist"}


@pytest.mark.parametrize(
    ("client", "more", "less"),
    [
        ("NAME=mail.example.com ADDR=198.51.100.7", {"name"}, {"not-name"}),
        ("NAME=MAIL.Example.COM ADDR=198.51.100.7", {"name"}, {"not-name"}),
        ("NAME=[UNAVAILABLE] REVERSE_NAME=mail.example.com ADDR=198.51.100.7", DIAL_UP, {"not-s25r"}),
        ("NAME=a1b2.example.net ADDR=198.51.100.7", DIAL_UP, {"not-s25r"}),
        # The name server did not answer: nobody knows, so every child of a condition on the name runs.
        ("NAME=[TEMPUNAVAIL] ADDR=198.51.100.7", {"name"} | DIAL_UP, set()),
        ("NAME=mail.example.net ADDR=192.0.2.8", {"table"}, set()),
        ("NAME=mail.example.net ADDR=192.0.2.7", set(), set()),
        ("NAME=mail.example.net ADDR=IPV6:2001:db8::7", {"table"}, set()),
        ("NAME=mail.example.net ADDR=10.0.0.1", {"local"}, {"remote"}),
        ("NAME=localhost ADDR=127.0.0.1", {"local"}, {"remote"}),
        ("NAME=localhost ADDR=IPV6:::1", {"local"}, {"remote"}),
    ],
)
def test_clients(site: Site, client: str, more: set[str], less: set[str]) -> None:
    assert site.seen_by(client) == (STRANGER | more) - less


def test_a_client_of_unknown_address(site: Site) -> None:
    """Whether it is local or remote, or in a network, nobody can tell."""
    seen = site.seen_by("NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE]")
    assert seen == (STRANGER | DIAL_UP | {"local", "table"}) - {"not-s25r"}


def test_size_and_header(site: Site) -> None:
    text = "From: <a@sender.test>\r\nX-Mark: Yes\r\n\r\n" + "0123456789\r\n" * 1000
    seen = site.seen_by("NAME=mail.example.net ADDR=198.51.100.7", text=text)
    assert seen == STRANGER - {"not-big"} | {"big", "marked"}


def test_a_declared_size_keeps_no_message_from_a_child(site: Site) -> None:
    steps: list[Step] = ["EHLO client.test", "MAIL FROM:<m1@sender.test> SIZE=20000", "RCPT TO:<r@rcpt.test>"]
    for child in site.children.values():
        child.load(ChildScript())
    run_session(site.postfix.ports["smtp"], [*steps, message()[-1], "QUIT"])
    assert eventually(lambda: _saw_the_end(site.children["not-big"]), LIMIT)
    assert site.children["big"].connections
