"""What a child's settings say of its mail besides `when`: macros given to it, verdicts that count as others,
and the verdict of an earlier child that it waits for.
"""

from typing import Final

from mmx.settings import values
from mmx.settings.document import Node, Scalar, Table
from mmx.settings.model import After
from mmx.settings.values import Fault, RefusedError, did_you_mean, refusal

VERDICTS: Final = ("tempfail", "reject", "discard", "quarantine")
COUNTS_AS: Final = ("accept", *VERDICTS)
SAID: Final = ("continue", "accept", "tempfail", "reject", "discard")
LONGEST_MACRO: Final = 1000

_MACROS: Final = 'write {"{NAME}": "VALUE"}'


def macros(node: Node) -> tuple[tuple[str, str], ...]:
    """A map of macro names, as the protocol spells them, to values."""
    if not isinstance(node, Table):
        raise refusal(node, "a map of macros to values is wanted here", _MACROS)
    pairs: list[tuple[str, str]] = []
    faults: list[Fault] = []
    for name, value in node.entries.items():
        try:
            pairs.append(_macro(name, value))
        except RefusedError as error:
            faults += [Fault(fault.place, name, *_told(fault)) for fault in error.faults]
    if faults:
        raise RefusedError(faults)
    return tuple(sorted(pairs))


def _told(fault: Fault) -> tuple[str, str, str]:
    return fault.value, fault.message, fault.remedy


def _macro(name: str, node: Node) -> tuple[str, str]:
    values.macro(Scalar(node.place, "str", name))
    text = values.text(node)
    if len(text.encode()) > LONGEST_MACRO:
        raise refusal(node, f"longer than {LONGEST_MACRO} bytes", "shorten it")
    return name, text


def verdicts(node: Node) -> tuple[tuple[str, str], ...]:
    """A map of a child's verdict to what counts in its stead, sorted."""
    if not isinstance(node, Table):
        raise refusal(node, "a map of verdicts is wanted here", "write {VERDICT: VERDICT}")
    pairs = []
    for word, value in node.entries.items():
        if word == "accept":
            message = "a message that the child lets pass has no verdict that could count as another"
            raise refusal(value, message, f"known are {', '.join(VERDICTS)}", word)
        if word not in VERDICTS:
            raise refusal(value, f"{word} is no verdict", f"known are {', '.join(VERDICTS)}", word)
        instead = values.text(value)
        if instead not in COUNTS_AS:
            raise refusal(value, "no verdict", f"write one of {', '.join(COUNTS_AS)}", word)
        pairs.append((word, instead))
    return tuple(sorted(pairs))


def after(node: Node) -> After | None:
    """A map of an earlier child and what it must have said; null for none."""
    if isinstance(node, Scalar) and node.kind == "null":
        return None
    if not isinstance(node, Table) or set(node.entries) != {"child", "said"}:
        raise refusal(node, "not a child and what it said", "write {child: NAME, said: [continue, accept]}")
    said = values.one_or_list_of(_said)(node.entries["said"])
    return After(values.name(node.entries["child"]), tuple(dict.fromkeys(said)))


def _said(node: Node) -> str:
    word = values.text(node)
    if word not in SAID:
        raise refusal(node, "no reply that a child gives", did_you_mean(word, SAID))
    return word
