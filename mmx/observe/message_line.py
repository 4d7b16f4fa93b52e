"""The log lines about mail: one a message, one a failed child, one a message and child that observes.

    message session=1f00c3a7 queue_id=4XyZ12 client=mail.example.net from=<a@example.net> recipients=2
    size=1432 verdict=reject reply="550 5.7.1 no" by=opendmarc seconds=0.021 child.opendkim=accept@EOM/0.004
    ... (one line)

What has no value is left out; a child's share is its verdict, the command at which it gave it, and the
seconds that it was waited for, after a colon why. All values are escaped (mmx.observe.log), so one event is
one line whatever a peer sends.
"""

from typing import Final

from mmx.core.action import ChildFailed, ChildRecord, MessageRecord, ObservedRecord
from mmx.observe.log import Line, escape, fields

LONGEST_DETAIL: Final = 600
"""Characters of the explanation of a failure: it names paths and says what to do."""

_WHAT_TO_TRY: Final = {
    "eof": "it may have crashed or been restarted: see its own log",
    "reset": "it may have crashed or been restarted: see its own log",
    "timeout": "see what it waits for, or give it longer limits",
    "frame": "does its endpoint name another program's socket?",
    "protocol": "a fault in the child: other MTAs would stumble over it too",
}
"""For failures whose detail says only what happened; that of a failed connect says what to try itself."""


class MessageLine(Line):
    """The line of one message, made when it is written; `at` is the Unix time of its verdict."""

    __slots__ = ("_record",)

    def __init__(self, record: MessageRecord, at: float | None = None) -> None:
        super().__init__("message", {}, at=at)
        self._record = record

    def __str__(self) -> str:
        shares = {f"child.{child.name}": _share(child) for child in self._record.children}
        return f"{self.event} {fields(**_facts(self._record), **shares)}"

    def values(self) -> dict[str, object]:
        """The fields; those of the children are in a map, by name."""
        shares = {child.name: _share_fields(child) for child in self._record.children}
        return {**_facts(self._record), "child": shares}


def _facts(record: MessageRecord) -> dict[str, object]:
    return {
        "session": record.session,
        "queue_id": record.queue_id or None,
        "client": record.client or None,
        "helo": record.helo or None,
        "from": record.sender or None,
        "recipients": record.recipients,
        "refused": record.refused_recipients or None,
        "size": record.size,
        "verdict": record.verdict,
        "reply": record.reply or None,
        "by": record.decider or None,
        "why": record.why or None,
        "seconds": record.seconds,
    }


def observed_line(record: ObservedRecord) -> Line:
    """The line of a child that observes: what it would have done with a message."""
    values = {
        "session": record.session,
        "queue_id": record.queue_id or None,
        "child": record.child,
        "verdict": record.verdict,
        "reply": record.reply or None,
        "stage": record.stage or None,
        "refused": record.refused_recipients or None,
        "edits": ",".join(f"{name}:{count}" for name, count in record.edits) or None,
        "message": record.message,
        "why": record.why or None,
        "seconds": record.seconds,
    }
    return Line("observed", values)


def failure_line(session: str, failed: ChildFailed, more: str = "") -> Line:
    """The line of a child that failed; the detail says what to try. `more` is added at the end."""
    plan = failed.child.plan
    values = {
        "session": session,
        "child": plan.name,
        "socket": plan.endpoint or None,
        "step": failed.step,
        "reason": failed.reason,
        "action": failed.action or None,
    }
    told = [escape(text, LONGEST_DETAIL) for text in (failed.detail, _WHAT_TO_TRY.get(failed.reason)) if text]
    return Line("child failed", values, "; ".join(told) + more)


def _share_fields(child: ChildRecord) -> dict[str, object]:
    return {
        "verdict": child.verdict,
        "command": child.stage or None,
        "seconds": child.seconds,
        "detail": child.detail or None,
        "because": child.because or None,
    }


def _share(child: ChildRecord) -> str:
    place = f"@{child.stage}" if child.stage else ""
    why = child.detail or (child.because if child.verdict == "skipped" else "")
    detail = f":{why}" if why else ""
    return f"{child.verdict}{place}/{child.seconds:.3f}{detail}"
