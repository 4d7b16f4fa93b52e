"""What `mmx explain` prints: a line for each child, below it what limits its part; or all of it as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from mmx.core.plan import ChildPlan
from mmx.settings.model import ChildSettings, Mode
from mmx.settings.units import format_size
from mmx.tools.explain.play import Outcome
from mmx.wire import command

_GREETING: Final = (command.NAMES[command.CONNECT], command.NAMES[command.HELO])
_MORE: Final = "say more of the mail to know: --from, --rcpt, a message"


@dataclass(frozen=True, slots=True)
class Explained:
    """One child. `runs` is None if that cannot be told."""

    child: str
    runs: bool | None
    event: str
    why: str
    notes: tuple[str, ...] = ()


def explained(
    children: Sequence[ChildSettings], plans: Mapping[str, ChildPlan], outcomes: Mapping[str, Outcome]
) -> list[Explained]:
    """Of every child of the settings, those that are not in the chain too."""
    return [
        _explained(plans[child.name], outcomes, child)
        if child.name in outcomes
        else Explained(child.name, False, "", _why_not_in_chain(child))
        for child in children
    ]


def text_of(explanations: Sequence[Explained]) -> str:
    """For people."""
    return "".join(_paragraph(one) for one in explanations) or "no children: mail passes unchecked\n"


def json_of(explanations: Sequence[Explained]) -> str:
    """For programs."""
    return json.dumps({"children": [asdict(one) for one in explanations]}, indent=2) + "\n"


def _why_not_in_chain(child: ChildSettings) -> str:
    if not child.enabled:
        return "enabled: no"
    return "it was not found, and has no endpoint"


def _explained(plan: ChildPlan, outcomes: Mapping[str, Outcome], child: ChildSettings) -> Explained:
    outcome = outcomes[plan.name]
    event = outcome.event
    notes: list[str] = []
    if outcome.runs is not False:
        notes += _notes(plan, outcome, outcomes)
    if outcome.runs and child.mode is Mode.OBSERVE:
        event = command.NAMES[command.EOM]
        notes.append("mode: observe: it is shown the message when that has had its answer, without effect")
    elif outcome.runs and plan.after and event in _GREETING:
        # What an earlier child has to say first is known at MAIL, or later.
        event = command.NAMES[command.MAIL]
    return Explained(plan.name, outcome.runs, event, outcome.why, tuple(notes))


def _notes(plan: ChildPlan, outcome: Outcome, outcomes: Mapping[str, Outcome]) -> list[str]:
    """What limits the part of a child that runs, or may run."""
    notes = []
    if plan.after is not None:
        earlier = outcomes.get(plan.after.child)
        if earlier is None or earlier.runs is False:
            notes.append(f"after: {plan.after.child} is not asked, so nothing is waited for")
        else:
            words = " or ".join(sorted(plan.after.said))
            notes.append(f"after: only if {plan.after.child} says {words}, and not before it does")
    if plan.only_matching and outcome.recipients:
        notes.append(f"recipients: it is shown {', '.join(outcome.recipients)}")
    if outcome.leaves:
        notes.append(f"it is taken out again: {outcome.leaves}")
    elif plan.max_size is not None:
        notes.append(f"max_size: a message of more than {format_size(plan.max_size)} is taken from it")
    if plan.verdicts:
        pairs = ", ".join(f"{said} as {counts}" for said, counts in plan.verdicts.items())
        notes.append(f"verdicts: {pairs}")
    return notes


def _paragraph(one: Explained) -> str:
    why = f": {one.why}" if one.why else ""
    if one.runs:
        first = f"{one.child}: runs, from {one.event} on{why}"
    elif one.runs is None:
        first = f"{one.child}: not known yet{why}; {_MORE}"
    else:
        known = f" (known at {one.event})" if one.event else ""
        first = f"{one.child}: does not run{why}{known}"
    return "".join(f"{line}\n" for line in (first, *(f"    {note}" for note in one.notes)))
