"""Postfix, mmx and five real milters at once: opendkim, opendmarc, spamass-milter, clamav-milter, rspamd.

Every test runs twice: with the milters listed in Postfix itself, which shows that what is expected is right,
and behind mmx. Mail comes from 192.0.2.7 (by XCLIENT), since opendmarc and rspamd treat loopback clients
differently.
"""

import email
import email.message
import email.utils
import smtplib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest

from tests.integration.daemon import Mmx
from tests.integration.postfix import Postfix, Smtpd, eventually
from tests.integration.real_milters import CHAIN, GTUBE, SIGNED_DOMAIN, VIRUS, RealMilters
from tests.integration.sink import Delivery, LmtpSink

pytestmark = [pytest.mark.usefixtures("real_milter_packages"), pytest.mark.timeout(300)]

SIDES = ("direct", "mmx")
CLEAN_DOMAIN = "clean.test"
DELIVERY_LIMIT = 60.0
XCLIENT = "NAME=client.clean.test ADDR=192.0.2.7"
# What shows that a child saw the message: a header name and a word of its value.
TRACES = {
    "opendkim": ("Authentication-Results", "dkim="),
    "opendmarc": ("Authentication-Results", "dmarc="),
    "spamass-milter": ("X-Spam-Status", "score="),
    "clamav-milter": ("X-Virus-Scanned", "clamav-milter"),
    "rspamd": ("X-Spamd-Result", "default:"),
}


@dataclass(frozen=True)
class Site:
    """Everything running, and how mail gets in and is found again."""

    milters: RealMilters
    postfix: Postfix
    sink: LmtpSink
    mmx: Mmx

    def connect(self, side: str, xclient: str = XCLIENT) -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", self.postfix.ports[side], timeout=120)
        client.ehlo("client.clean.test")
        if xclient:
            assert client.docmd("XCLIENT", xclient)[0] == 220
            client.ehlo("client.clean.test")
        return client

    def accept(
        self, side: str, content: bytes, domain: str = CLEAN_DOMAIN, xclient: str = XCLIENT
    ) -> Delivery:
        """Send a message that must be accepted; what was delivered of it."""
        with self.connect(side, xclient) as client:
            return self.send(client, content, domain)

    def send(self, client: smtplib.SMTP, content: bytes, domain: str = CLEAN_DOMAIN) -> Delivery:
        client.mail(f"author@{domain}", ["BODY=8BITMIME"])
        client.rcpt("reader@rcpt.test")
        code, text = client.data(content)
        assert code == 250, text
        return self.delivered(text.split()[-1].decode())

    def delivered(self, queue_id: str) -> Delivery:
        if not eventually(lambda: bool(self.sink.deliveries(queue_id)), DELIVERY_LIMIT, 0.02):
            raise self.postfix.failure(f"{queue_id} was not delivered\n{self.mmx.log_text()}")
        return self.sink.deliveries(queue_id)[0]

    def refuse(self, side: str, content: bytes, domain: str = CLEAN_DOMAIN) -> tuple[int, str]:
        """Send a message that must be refused after its end; the reply."""
        with self.connect(side) as client:
            client.mail(f"author@{domain}")
            client.rcpt("reader@rcpt.test")
            code, text = client.data(content)
        return code, text.decode()


@pytest.fixture(scope="module")
def site(real_milter_packages: None) -> Iterator[Site]:
    with RealMilters() as milters:
        listen = milters.directory / "mmx.sock"
        children = {name: {"endpoint": milters.endpoint(name)} for name in CHAIN}
        sink = LmtpSink()
        smtpds = (
            Smtpd("direct", [milters.endpoint(name) for name in CHAIN]),
            Smtpd("mmx", [f"unix:{listen}"]),
            Smtpd("sign", [milters.endpoint("signer")]),
        )
        settings = {"milter_content_timeout": "120s", "milter_command_timeout": "30s"}
        with Mmx(listen, children) as mmx, Postfix(smtpds, sink.port, settings) as postfix:
            yield Site(milters, postfix, sink, mmx)
        sink.close()


def message(body: str | bytes, domain: str = CLEAN_DOMAIN, subject: str = "a test") -> bytes:
    head = (
        f"From: Author <author@{domain}>\r\nTo: Reader <reader@rcpt.test>\r\nSubject: {subject}\r\n"
        f"Date: {email.utils.formatdate()}\r\nMessage-Id: <{subject.replace(' ', '.')}@{domain}>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return head.encode() + (body if isinstance(body, bytes) else body.encode())


def headers(delivery: Delivery) -> email.message.Message:
    return email.message_from_bytes(delivery.content.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n")


def body(delivery: Delivery) -> bytes:
    return delivery.content.split(b"\r\n\r\n", 1)[1]


def traces(delivery: Delivery) -> set[str]:
    """The children whose header is in the message."""
    found = headers(delivery)
    return {
        name for name, (header, word) in TRACES.items() if any(word in v for v in found.get_all(header, []))
    }


@pytest.mark.parametrize("side", SIDES)
def test_a_clean_message_passes_every_child(site: Site, side: str) -> None:
    delivery = site.accept(side, message("Hello,\r\nhow are you?\r\n"))
    assert traces(delivery) == set(CHAIN)
    assert body(delivery) == b"Hello,\r\nhow are you?\r\n"


@pytest.mark.parametrize("side", SIDES)
def test_swaks(site: Site, side: str) -> None:
    command = [
        "swaks", "--server", "127.0.0.1", "--port", str(site.postfix.ports[side]),
        "--helo", "client.clean.test", "--xclient-name", "client.clean.test",
        "--xclient-addr", "192.0.2.7", "--from", "author@clean.test", "--to", "reader@rcpt.test",
        "--header", "Subject: from swaks", "--body", "sent by swaks",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    queue_id = done.stdout.split("queued as ")[1].split()[0]
    assert traces(site.delivered(queue_id)) == set(CHAIN)


def test_the_headers_come_in_the_same_order(site: Site) -> None:
    """All but clamav-milter's: it is fed what Postfix sent, so the place below the first header differs."""
    names = [headers(site.accept(side, message("same\r\n"))).keys() for side in SIDES]
    assert sorted(names[0]) == sorted(names[1])
    others = [[name for name in found if not name.startswith("X-Virus-")] for found in names]
    assert others[0] == others[1]


@pytest.mark.parametrize("side", SIDES)
def test_a_virus_is_refused_with_the_childs_text(site: Site, side: str) -> None:
    code, text = site.refuse(side, message(f"{VIRUS}\r\n", subject="infected"))
    assert (code, text) == (550, "5.7.1 Infected: Mmx.Lab.UNOFFICIAL")


@pytest.mark.parametrize("side", SIDES)
def test_gtube_is_refused(site: Site, side: str) -> None:
    code, text = site.refuse(side, message(f"{GTUBE}\r\n", subject="spam"))
    assert code == 550
    assert "SpamAssassin" in text


@pytest.mark.parametrize("side", SIDES)
def test_one_refusal_says_nothing_of_the_next_message(site: Site, side: str) -> None:
    with site.connect(side) as client:
        client.mail("author@clean.test")
        client.rcpt("reader@rcpt.test")
        assert client.data(message(f"{VIRUS}\r\n"))[0] == 550
        assert traces(site.send(client, message("clean\r\n"))) == set(CHAIN)
        assert traces(site.send(client, message("clean again\r\n"))) == set(CHAIN)


@pytest.mark.parametrize("side", SIDES)
def test_a_signature_verifies_and_opendmarc_sees_the_result(site: Site, side: str) -> None:
    signed = site.accept("sign", message("signed\r\n", SIGNED_DOMAIN), SIGNED_DOMAIN, xclient="")
    _, _, content = signed.content.partition(b"DKIM-Signature:")
    delivery = site.accept(side, b"DKIM-Signature:" + content, SIGNED_DOMAIN)
    results = headers(delivery).get_all("Authentication-Results", [])
    assert any("dkim=pass" in value and SIGNED_DOMAIN in value for value in results)
    assert any("dmarc=pass" in value for value in results)


@pytest.mark.parametrize("side", SIDES)
def test_an_unsigned_message_fails_the_policy(site: Site, side: str) -> None:
    code, text = site.refuse(side, message("not signed\r\n", SIGNED_DOMAIN), SIGNED_DOMAIN)
    assert code == 550
    assert "DMARC" in text


BODIES = {
    "8-bit": bytes(byte for byte in range(1, 256) if byte not in b"\r\n") + b"\r\n",
    "NUL": b"before \0 after\r\n\0\r\n",
    "long-line": b"x" * 5000 + b"\r\n",
    "dots": b".\r\n..\r\n.x\r\n",
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", BODIES)
def test_a_body_arrives_byte_for_byte(site: Site, side: str, kind: str) -> None:
    delivery = site.accept(side, message(BODIES[kind], subject=f"bytes {kind}"))
    assert body(delivery) == BODIES[kind]
    assert traces(delivery) == set(CHAIN)


@pytest.mark.parametrize("side", SIDES)
def test_a_body_of_30_mb_arrives_byte_for_byte(site: Site, side: str) -> None:
    random = Random(30)
    table = bytes(byte if byte not in b"\r\n\0" else 0x41 for byte in range(256))
    line = [random.randbytes(998).translate(table) + b"\r\n" for _ in range(100)]
    large = b"".join(line) * 300
    delivery = site.accept(side, message(large, subject="large"))
    assert body(delivery) == large
    assert {"opendkim", "clamav-milter", "rspamd"} <= traces(delivery)
