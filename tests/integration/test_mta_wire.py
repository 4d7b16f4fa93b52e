"""The MTA of `mmx test` beside a real Postfix: a milter gets the same packets from both.

A scripted child records what each sends it in the same session: a command that no MTA knows, then two
messages, the first with two recipients. What a mail server alone can know is left out of the comparison:
queue ids, and where its transport would send a recipient.
"""

import asyncio
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mmx.settings.endpoint import parse_endpoint
from mmx.tools.mail_file import parse_message
from mmx.tools.mta.dialogue import STEPS, Terms
from mmx.tools.mta.macros import Client
from mmx.tools.mta.mta import Mta
from mmx.tools.mta.outcome import Address, Envelope
from tests.integration import scripted_child as flags
from tests.integration.postfix import HOSTNAME, Postfix, Smtpd, eventually
from tests.integration.scripted_child import ChildScript, Connection, ScriptedChild
from tests.integration.scripts import content
from tests.integration.sink import LmtpSink
from tests.integration.smtp_client import Step, run_session

PROTOCOLS = (2, 3, 4, 6)
HELO = "client.example.net"
CLIENTS = {
    "NAME=client.example.net ADDR=192.0.2.7 PORT=4000": Client("192.0.2.7", HELO, 4000, HELO),
    "NAME=six.example.net ADDR=IPV6:2001:db8::7 PORT=4000": Client(
        "2001:db8::7", "six.example.net", 4000, HELO
    ),
    "NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=4000": Client(
        "192.0.2.7", "unknown", 4000, HELO
    ),
}
XCLIENT, CLIENT = next(iter(CLIENTS.items()))
SENDER = "author@sender.test"
RECIPIENTS = (("r1@rcpt.test", "r2@rcpt.test"), ("r1@rcpt.test",))
CONTENT = content("hello\r\n.dot\r\n" + "x" * 70_000 + "\r\n", "X-Folded: a\r\n\tb\r\nX-Tight:c\r\n")
ONLY_POSTFIX_KNOWS = re.compile(rb"(i|\{(?:mail|rcpt)_(?:host|mailer)\})\0[^\0]*\0")

CONTINUE = (("c", ""),)
CASES = {
    "plain": ChildScript(),
    "leading-space": ChildScript(protocol=flags.HDR_LEADSPC),
    "no-replies": ChildScript(protocol=flags.ALL_NO_REPLY),
    "nothing-wanted": ChildScript(protocol=0x7F & ~flags.NOMAIL | flags.NOUNKNOWN | flags.NODATA),
    "own-macros": ChildScript(macros={"0": "{client_addr} {client_port} j", "3": "{rcpt_addr}", "5": "i"}),
    "skip": ChildScript(protocol=flags.SKIP, replies={"body": (("s", ""),), "rcpt": (("s", ""),)}),
    "refused-mail": ChildScript(replies={"mail": (("r", ""),)}),
    "refused-recipient": ChildScript(replies={f"rcpt {SENDER} r1@rcpt.test": (("y", "550 5.1.1 no\0"),)}),
    "refused-data": ChildScript(replies={"data": (("t", ""),)}),
    "refused-header": ChildScript(replies={f"header {SENDER} 2": (("r", ""),)}),
    "refused-at-end": ChildScript(replies={"eom": (("y", "550 5.7.1 no\0"),)}),
    "accepted-mail": ChildScript(replies={"mail": (("a", ""),)}),
    "accepted-client": ChildScript(replies={"connect": (("a", ""),)}),
    "refused-client": ChildScript(replies={"connect": (("r", ""),)}),
    "refused-helo": ChildScript(replies={"helo": (("t", ""),)}),
    "discarded": ChildScript(replies={"eoh": (("d", ""),)}),
}


@dataclass(frozen=True)
class Site:
    postfix: Postfix
    child: ScriptedChild

    def by_postfix(
        self, version: int, xclient: str = XCLIENT, gives_up: bool = False, sender: str = SENDER
    ) -> Connection:
        """`gives_up`: the client resets after DATA, which it might try again otherwise (S17)."""
        steps: list[Step] = [f"EHLO {HELO}", f"XCLIENT {xclient}", f"EHLO {HELO}", "FOO"]
        for recipients in RECIPIENTS:
            steps += [f"MAIL FROM:<{sender}> BODY=8BITMIME", *(f"RCPT TO:<{one}>" for one in recipients)]
            steps.append(("DATA", CONTENT))
            if gives_up:
                steps.append("RSET")
        run_session(self.postfix.ports[str(version)], [*steps, "QUIT"])
        return self.ended(2)

    async def by_mta(self, version: int, client: Client = CLIENT, sender: str = SENDER) -> Connection:
        known = {"j": HOSTNAME, "daemon_name": HOSTNAME, "v": "Postfix 3.7.11"}
        terms = Terms(version=version, protocol=STEPS[version], macros=known)
        mta = await Mta.connect("child", parse_endpoint(self.child.endpoint), client, terms)
        await mta.open()
        await mta.unknown(b"FOO")
        for recipients in RECIPIENTS:
            addresses = tuple(map(Address.parse, recipients))
            envelope = Envelope(Address.parse(f"<{sender}> BODY=8BITMIME"), addresses)
            await mta.deliver(envelope, parse_message(CONTENT.encode()))
        mta.quit()
        await asyncio.to_thread(self.ended, 1)
        return self.child.connections[0]

    def ended(self, count: int) -> Connection:
        """The last of so many connections, when it is over."""
        assert eventually(lambda: self.child.open_connections() == 0, 10.0)
        assert len(self.child.connections) == count
        return self.child.connections[-1]


@pytest.fixture(scope="module")
def site(postfix_package: None) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="mmx-wire-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        sink, child = LmtpSink(), ScriptedChild(directory / "child")
        smtpds = [
            Smtpd(str(version), [child.endpoint], {"milter_protocol": str(version)}) for version in PROTOCOLS
        ]
        with Postfix(smtpds, sink.port, {"inet_protocols": "all"}) as postfix:
            yield Site(postfix, child)
        child.close()
        sink.close()


def compared(connection: Connection) -> list[tuple[str, bytes]]:
    """The packets, without what only a mail server knows."""
    return [
        (code, ONLY_POSTFIX_KNOWS.sub(rb"\1\0?\0", data) if code == "D" else data)
        for code, data in connection.packets
    ]


@pytest.mark.parametrize("version", PROTOCOLS)
@pytest.mark.parametrize("case", CASES)
async def test_the_same_packets(site: Site, case: str, version: int) -> None:
    script = CASES[case]
    if version < 6 and script.version > version:
        script = ChildScript(
            version, script.actions, script.protocol & STEPS[version], script.macros, script.replies
        )
    site.child.load(script)
    real = await asyncio.to_thread(site.by_postfix, version, gives_up=case == "refused-data")
    site.child.load(script)
    ours = await site.by_mta(version)
    assert ours.offer == real.offer
    assert compared(ours) == compared(real)


@pytest.mark.parametrize("xclient", CLIENTS)
async def test_clients(site: Site, xclient: str) -> None:
    macros = {"0": "j {client_addr} {client_name} {client_port} {client_ptr} {client_resolve} _ v"}
    site.child.load(ChildScript(macros=macros))
    real = await asyncio.to_thread(site.by_postfix, 6, xclient)
    site.child.load(ChildScript(macros=macros))
    ours = await site.by_mta(6, CLIENTS[xclient])
    assert compared(ours) == compared(real)


@pytest.mark.parametrize("sender", ["", "no-domain", "a.b+c@d.sender.test"])
async def test_senders(site: Site, sender: str) -> None:
    site.child.load(ChildScript())
    real = await asyncio.to_thread(site.by_postfix, 6, sender=sender)
    site.child.load(ChildScript())
    ours = await site.by_mta(6, sender=sender)
    assert compared(ours) == compared(real)
