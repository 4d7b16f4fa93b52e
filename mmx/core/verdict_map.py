"""`verdicts` of a child: which of its verdicts count as others (settings: verdicts).

    the child said                as accept           as reject, tempfail    as discard      as quarantine
    at CONNECT, HELO              let go of           refused, its text      all its mail    all its mail
                                                      with the other class   is discarded    is held
    at MAIL, DATA, in content     out of the message  likewise               discarded       out, held
    at RCPT: reject or tempfail   recipient passes    likewise               discarded       passes, held
    at EOM                        no edits            likewise               discarded       no edits, held
    at UNKNOWN                    passes              likewise               passes          passes
    QUARANTINE among its edits    not held            edits are dropped      discarded

A failure is no verdict: default_action alone says what counts then. SHUTDOWN and 421 count as tempfail does.
"""

from functools import partial
from typing import Final

from mmx.core import verdict
from mmx.core.child import Child, Due
from mmx.core.part import Part
from mmx.core.plan import ACCEPT, QUARANTINE, TEMPFAIL
from mmx.core.state import State
from mmx.core.verdict import Verdict
from mmx.wire import command, option, reply

DISCARD: Final = "discard"

_GREETINGS: Final = (command.CONNECT, command.HELO)
_STAYS: Final = (command.RCPT, command.UNKNOWN, command.EOM)
"""Where a child that refuses stays in the message, or has seen all of it."""


def turn(state: State, child: Child, due: Due, code: int, decided: Verdict) -> tuple[int, Verdict | None]:
    """The reply code and the verdict that count instead of a child's."""
    words = child.plan.verdicts
    instead = words.get(decided.word) or (words.get(TEMPFAIL) if decided.word == "shutdown" else None)
    if instead is None or instead == decided.word:
        return code, decided
    if instead == QUARANTINE and not state.answered_options.actions & option.QUARANTINE:
        instead = TEMPFAIL
    part = child.part
    if part is not None:
        part.detail = f"{decided.word} counts as {instead}"
        part.stage = due.code
    if instead in (ACCEPT, QUARANTINE, DISCARD) and due.code in _GREETINGS:
        if instead != ACCEPT:
            child.sentence = partial(_SENTENCES[instead], decided)
        if part is not None and child.sentence is not None:
            child.sentence(part)
        return reply.ACCEPT, None
    if instead == QUARANTINE and part is not None and due.code != command.UNKNOWN:
        _hold(decided, part)
    if instead in (ACCEPT, QUARANTINE) or (instead == DISCARD and due.code == command.UNKNOWN):
        if due.code == command.EOM and part is not None and part.edits is not None:
            part.edits.drop()
        stays = due.code in _STAYS and code != reply.DISCARD
        return (reply.CONTINUE if stays else reply.ACCEPT), None
    if instead == DISCARD:
        return reply.DISCARD, verdict.DISCARD
    return code, verdict.of_class(decided, instead)


def turn_hold(child: Child, part: Part) -> None:
    """What counts instead of a QUARANTINE among the edits of a message that the child let pass."""
    instead = child.plan.verdicts.get(QUARANTINE, QUARANTINE)
    if instead == QUARANTINE or part.edits is None or not part.edits.holds:
        return
    part.detail = f"quarantine counts as {instead}"
    if instead == ACCEPT:
        part.edits.release()
        return
    part.edits.drop()
    part.delivered = False
    part.verdict = verdict.DISCARD if instead == DISCARD else verdict.of_class(verdict.DISCARD, instead)


def _hold(decided: Verdict, part: Part) -> None:
    part.hold = decided.text.replace(b"\r\n", b" ") or decided.word.encode()


def _discard(_: Verdict, part: Part) -> None:
    part.verdict = verdict.DISCARD


def _hold_and_leave(decided: Verdict, part: Part) -> None:
    _hold(decided, part)
    part.accepted = True


_SENTENCES: Final = {QUARANTINE: _hold_and_leave, DISCARD: _discard}
