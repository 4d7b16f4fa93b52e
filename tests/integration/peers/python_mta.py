"""An MTA on the Python package miltertest. Usage: python_mta.py SOCKET; prints each reply at end of message.

It offers no "no reply" flag, so it waits for an answer to every header and every piece of the body, and no
leading spaces of header values, which it would have to send.
"""

import socket
import sys

from miltertest import constants  # type: ignore[import-not-found]
from miltertest.client import MilterConnection  # type: ignore[import-not-found]

OFFER = constants.SMFI_V6_PROT & ~(0x000FF080 | constants.SMFIP_HDR_LEADSPC)
"""Everything but the SMFIP_NR_ flags and the leading spaces."""


def message(milter: MilterConnection, word: str) -> None:
    milter.send_macro(constants.SMFIC_MAIL, i="QUEUEID")
    milter.send(constants.SMFIC_MAIL, args=[f"<{word}@sender.test>", "SIZE=100"])
    for name in ("r1", "r2"):
        milter.send(constants.SMFIC_RCPT, args=[f"<{name}@rcpt.test>"])
    milter.send(constants.SMFIC_DATA)
    milter.send_headers(
        [("From", "author@sender.test"), ("Subject", "a test"), ("X-K", "one"), ("X-K", "two")]
    )
    milter.send(constants.SMFIC_EOH)
    milter.send_body("hello\r\n" * 30000)
    *edits, (verdict, values) = milter.send_eom()
    # Of a message that is refused or dropped no edit counts, and a body may come in other pieces.
    counted = edits if verdict in "ca" else []
    body = "".join(edit["buf"] for code, edit in counted if code == "b")
    print(  # noqa: T201 - the result
        word, [edit for edit in counted if edit[0] != "b"], repr(body), verdict, values
    )


def session(path: str, *words: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(path)
        milter = MilterConnection(sock)
        milter.optneg_mta(protocol=OFFER)
        milter.send_macro(constants.SMFIC_CONNECT, j="mx.test.invalid")
        milter.send(
            constants.SMFIC_CONNECT, hostname="client.test", family="4", port=4000, address="192.0.2.7"
        )
        milter.send(constants.SMFIC_HELO, helo="client.test")
        for word in words:
            message(milter, word)
            milter._send(constants.SMFIC_ABORT)
        refused = milter.send_ar(constants.SMFIC_MAIL, args=["<mail.reply@sender.test>"])
        print("mail.reply", repr(refused))  # noqa: T201 - likewise
        milter._send(constants.SMFIC_QUIT)


if __name__ == "__main__":
    session(sys.argv[1], "fine", "eom.edits", "eom.chunks", "eom.reject", "fine", "eom.discard")
