"""A child's part in one message: its end, its word for the log, a new beginning."""

import pytest

from mmx.core.edits import Edits
from mmx.core.part import Part
from mmx.core.spool import MemorySpool
from mmx.core.verdict import REJECT
from mmx.wire import command, option, reply
from mmx.wire.framing import frame


@pytest.mark.parametrize(
    ("change", "finished", "word"),
    [
        ({}, False, "none"),
        ({"accepted": True}, True, "accept"),
        ({"failed": True}, True, "failed"),
        ({"delivered": True}, True, "continue"),
        ({"delivered": True, "accepted": True}, True, "accept"),
        ({"verdict": REJECT}, True, "reject"),
        ({"verdict": REJECT, "failed": True}, True, "reject"),
    ],
)
def test_its_end_and_its_word(change: dict[str, object], *, finished: bool, word: str) -> None:
    part = Part()
    for name, value in change.items():
        setattr(part, name, value)
    assert (part.finished, part.word) == (finished, word)


def test_its_word_is_quarantine_if_it_asked_for_that() -> None:
    part = Part()
    part.edits = Edits(MemorySpool, add_leading_space=False)
    part.edits.add(frame(reply.QUARANTINE, b"why\0"), option.QUARANTINE)
    part.delivered = True
    assert part.word == "quarantine"


def test_a_restart_forgets_the_envelope_only() -> None:
    part = Part()
    part.mail_sent = part.skip_recipients = part.skip_headers = True
    part.recipients_sent, part.progress, part.seconds = 3, command.DATA, 1.5
    part.restart()
    assert (part.mail_sent, part.skip_recipients) == (False, False)
    assert (part.recipients_sent, part.progress) == (0, 0)
    assert (part.skip_headers, part.seconds) == (True, 1.5)
