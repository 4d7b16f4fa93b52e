"""What `mmx test --json` prints: one object a message, on one line."""

import json
from typing import Any

from mmx.tools.mta.outcome import Address
from mmx.tools.test.run import Trial
from mmx.tools.test.text import difference
from mmx.wire import option


def as_json(trial: Trial) -> str:
    """One message; times are seconds since it began, bytes that are no UTF-8 are escaped."""
    outcome, delivery, options = trial.outcome, trial.delivery, trial.options
    after = trial.envelope if delivery is None else delivery.envelope
    held = None if delivery is None else delivery.quarantine
    told: dict[str, Any] = {
        "status": trial.status,
        "seconds": round(trial.seconds, 6),
        "message": trial.name,
        "session": trial.session,
        "milter": str(trial.target),
        "stage": outcome.stage,
        "reply": _text(outcome.reply),
        "error": None if outcome.loss is None else outcome.loss.detail,
        "problems": trial.problems,
        "options": {
            "version": options.version,
            "actions": [name for bit, name in enumerate(option.ACTION_NAMES) if options.actions >> bit & 1],
            "protocol": options.protocol,
        },
        "refused": [
            {"recipient": _address(recipient), "status": status, "reply": _text(reply)}
            for recipient, status, reply in outcome.refused
        ],
        "progress": [round(at - trial.began, 6) for at in outcome.progress],
        "said": [
            {"by": line.by, "at": round(line.at - trial.began, 6), "event": line.event, "text": line.text}
            for line in trial.said
        ],
        "sender": _address(after.sender),
        "recipients": [_address(recipient) for recipient in after.recipients],
        "quarantine": None if held is None else _text(held),
        "headers": None if delivery is None else [list(map(_text, one)) for one in delivery.message.headers],
        "diff": list(difference(trial)),
    }
    return json.dumps(told)


def _address(address: Address) -> str:
    return _text(b" ".join((address.address, *address.parameters)))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
