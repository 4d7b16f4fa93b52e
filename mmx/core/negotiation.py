"""The two negotiations (N1 to N17): what mmx answers to the MTA, and what it offers to each child.

To the MTA mmx is a v6 milter that wants every event but the ones nobody asked for, and takes the content as
a stream without replies, since its verdict on content comes at end of message. To a child mmx looks like
Postfix: 6, 0x1ff, 0x1fffff, less what the MTA lacks and mmx cannot emulate.

A macro list replaces main.cf's list for its stage (N14), so one is sent only for a stage where a child needs
a name beyond the base list, and then it is the union (N15).
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from mmx.errors import ProtocolError
from mmx.wire import option
from mmx.wire.payload import Options

NO_LISTS: Final[Mapping[int, tuple[bytes, ...]]] = MappingProxyType({})
STREAMED: Final = option.NR_HDR | option.NR_EOH | option.NR_BODY
_NEEDS_THE_MTA: Final = option.HDR_LEADSPC | option.RCPT_REJ
"""Bits offered to a child only if the MTA has them: spacing and rejected recipients cannot be made up
(N10).
"""


_OF_REJECTED: Final = (b"{rcpt_mailer}", b"{rcpt_host}", b"{rcpt_addr}")
"""What says that Postfix has rejected a recipient, and why (N17)."""


class Knowledge:
    """The last OPTNEG answer of each child, shared by all sessions of a process."""

    __slots__ = ("_options",)

    def __init__(self) -> None:
        self._options: dict[str, Options] = {}

    def of(self, name: str) -> Options | None:
        """What the child last negotiated, None if it was never shaken hands with."""
        return self._options.get(name)

    def learn(self, name: str, options: Options) -> bool:
        """Remember an answer; True if it differs from what was known."""
        changed = self._options.get(name) != options
        self._options[name] = options
        return changed

    def forget(self, name: str) -> None:
        """The child is another one now (its endpoint changed)."""
        self._options.pop(name, None)


def read_offer(offer: Options) -> Options:
    """The MTA's offer, if it is one (N2): its version must be one that libmilter would speak."""
    if offer.version < option.OLDEST_VERSION:
        raise ProtocolError(f"MTA offers protocol version {offer.version}")
    return offer


def answer_to_mta(
    offer: Options,
    known: Iterable[Options],
    base: Mapping[int, tuple[bytes, ...]],
    conditions: Mapping[int, tuple[bytes, ...]] = NO_LISTS,
) -> Options:
    """mmx's answer, every bit masked by the offer (N11); `conditions` are the macros that conditions need."""
    children = list(known)
    wanted = STREAMED | option.HDR_LEADSPC
    if not any(wants_unknown(child) for child in children):
        wanted |= option.NOUNKNOWN
    if any(child.protocol & option.RCPT_REJ for child in children) and _can_mark_rejected(offer, base):
        wanted |= option.RCPT_REJ
    if not offer.protocol & option.NR_BODY:
        wanted |= option.SKIP
    actions = offer.actions & option.ALL_ACTIONS
    macros = macro_lists(children, base, conditions) if actions & option.SETSYMLIST else {}
    return Options(min(offer.version, option.VERSION), actions, wanted & offer.protocol, macros)


def _can_mark_rejected(offer: Options, base: Mapping[int, tuple[bytes, ...]]) -> bool:
    """True if {rcpt_mailer}, which marks a rejected recipient, is there or can be asked for (N17)."""
    return bool(offer.actions & option.SETSYMLIST) or b"{rcpt_mailer}" in base.get(option.STAGE_RCPT, ())


def wants_unknown(child: Options) -> bool:
    """UNKNOWN exists from version 3 on (N13)."""
    return child.version >= 3 and not child.protocol & option.NOUNKNOWN


def lists_of(options: Options | None) -> Options | None:
    """What of a child that only observes concerns the MTA: its macro lists. It gets no other event."""
    return None if options is None else options._replace(actions=0, protocol=option.NOUNKNOWN)


def offer_to_child(offer: Options) -> Options:
    """What a child is offered in a session whose MTA offered `offer` (N10)."""
    lacking = _NEEDS_THE_MTA & ~offer.protocol
    return Options(option.VERSION, offer.actions & option.ALL_ACTIONS, option.ALL_PROTOCOL & ~lacking, {})


def read_child_answer(answer: Options, offered: Options) -> tuple[Options, str]:
    """The child's options as mmx will honour them, and a remark or "". Raises `ProtocolError` (N12)."""
    if not option.OLDEST_VERSION <= answer.version <= offered.version:
        raise ProtocolError(f"version {answer.version} answered, {offered.version} offered")
    if answer.actions & ~offered.actions:
        raise ProtocolError(f"actions {answer.actions:#x} answered, {offered.actions:#x} offered")
    remark = ""
    if answer.protocol & ~option.ALL_PROTOCOL:
        remark = f"undefined protocol bits {answer.protocol & ~option.ALL_PROTOCOL:#x} are ignored"
    lacking = _NEEDS_THE_MTA & ~offered.protocol
    return answer._replace(protocol=answer.protocol & option.ALL_PROTOCOL & ~lacking), remark


def macro_lists(
    children: list[Options],
    base: Mapping[int, tuple[bytes, ...]],
    conditions: Mapping[int, tuple[bytes, ...]] = NO_LISTS,
) -> dict[int, tuple[bytes, ...]]:
    """The lists to ask of the MTA: per stage the base list and what is needed beyond it (N15).

    Those of EOM and EOH go together: Sendmail picks the one by the flag of the other (N18).
    """
    lists: dict[int, tuple[bytes, ...]] = {}
    for stage in range(option.LAST_STAGE + 1):
        base_names = base.get(stage, ())
        union = {bare_name(name): name for name in base_names}
        for name in conditions.get(stage, ()):
            union.setdefault(bare_name(name), name)
        for child in children:
            rejected = stage == option.STAGE_RCPT and child.protocol & option.RCPT_REJ
            for name in (*child.macros.get(stage, ()), *(_OF_REJECTED if rejected else ())):
                union.setdefault(bare_name(name), name)
        if len(union) > len({bare_name(name) for name in base_names}):
            lists[stage] = tuple(union.values())
    together = {option.STAGE_EOM, option.STAGE_EOH}
    for stage in together - lists.keys() if together & lists.keys() else ():
        lists[stage] = base.get(stage, ())
    return lists


def bare_name(name: bytes) -> bytes:
    """`{x}` and `x` are one macro (S8)."""
    return name[1:-1] if len(name) == 3 and name[:1] == b"{" and name[-1:] == b"}" else name
