"""A trial to print: a message that a milter lets pass with changes, or does not."""

from mmx.settings.endpoint import UnixEndpoint
from mmx.tools.mail_file import Message, parse_message
from mmx.tools.mta.delivery import delivered
from mmx.tools.mta.outcome import Address, Envelope, Outcome
from mmx.tools.test.run import Target, Trial
from mmx.tools.test.said import Said
from mmx.wire import option, reply
from mmx.wire.framing import frame
from mmx.wire.payload import Options

ENVELOPE = Envelope(Address(b"<a@x>"), (Address(b"<b@x>"), Address(b"<c@x>")))
MESSAGE = parse_message(b"Subject: x\nX-Spam: no\n\none\ntwo\nthree\nfour\n")
EDITS = [
    frame(reply.CHGFROM, b"<z@x>\0"),
    frame(reply.ADDRCPT, b"<d@x>\0"),
    frame(reply.DELRCPT, b"<c@x>\0"),
    frame(reply.QUARANTINE, b"looks \x1bodd\0"),
    frame(reply.ADDHEADER, b"X-Seen\0 \xc3\xa4\x1b[2J\0"),
]


def trial(outcome: Outcome, message: Message = MESSAGE, name: str = "") -> Trial:
    """`outcome` began at 10."""
    delivery = delivered(ENVELOPE, message, outcome, option.HDR_LEADSPC) if outcome.passes else None
    target = Target("scan", UnixEndpoint("/s"))
    options = Options(6, option.ADDHDRS | option.CHGBODY, option.HDR_LEADSPC, {})
    said = [
        Said("scan", 10.001, "OPTNEG", "OPTNEG version 6"),
        Said("scan", 10.002, "CONNECT", "CONTINUE"),
        Said("scan", 10.003, "MAIL", "CONTINUE"),
        Said("scan", 10.1, "EOM", "ACCEPT"),
        Said("opendkim", 10.004, "MAIL", "CONTINUE"),
    ]
    return Trial(target, 1, name, ENVELOPE, message, outcome, 10.0, options, delivery, said, outcome.problems)


def passed(*edits: bytes, held: bool = False) -> Outcome:
    verdict = "quarantine" if held else "accept"
    return Outcome(10.0, 10.128, verdict, "EOM", edits=list(edits), held=held)
