"""A scenario's children, bounds and knowledge as the core wants them."""

import math
from typing import Final

from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain, ChildPlan, Limits
from mmx.core.session import Session
from mmx.wire import payload
from mmx.wire.framing import DATA
from tests.plain_spool import PlainSpool
from tests.scenarios.conditions import dns_lists
from tests.scenarios.model import ChildSpec, Scenario
from tests.scenarios.player import handshake

MAX_FRAME: Final = 65536 + 1024


class BoundedSpool(PlainSpool):
    """A spool with room for so many bytes."""

    def __init__(self, room: float) -> None:
        super().__init__()
        self._room = room

    def append(self, data: bytes) -> bool:
        return self.size + len(data) <= self._room and super().append(data)


def plan_of(scenario: Scenario, child: ChildSpec, endpoint: str) -> ChildPlan:
    """mmx's settings for the child."""
    limits = scenario.limits
    return ChildPlan(
        name=child.name,
        endpoint=endpoint,
        content=child.content,
        original_always=child.original_always,
        unreachable=child.unreachable,
        died=child.died,
        connect_timeout=limits.get("connect", 5.0),
        command_timeout=limits.get("command", 25.0),
        content_timeout=limits.get("content", 240.0),
        pipelining=child.pipelining,
        when=child.when,
        after=child.after,
        only_matching=child.only_matching,
        max_size=child.max_size,
        set_macros=child.set_macros,
        verdicts=dict(child.verdicts),
    )


def limits_of(scenario: Scenario) -> Limits:
    """The session's bounds."""
    given = scenario.limits
    usual = Limits()
    return Limits(
        message_timeout=given.get("message", usual.message_timeout),
        idle_timeout=given.get("idle", usual.idle_timeout),
        progress_interval=given.get("progress", usual.progress_interval),
        foreign_event_timeout=given.get("foreign", usual.foreign_event_timeout),
        max_edits=int(given.get("edits", usual.max_edits)),
        max_headers=int(given.get("headers", usual.max_headers)),
        max_transcript=int(given.get("transcript", usual.max_transcript)),
        max_due=int(given.get("due", usual.max_due)),
        output_high_water=int(given.get("high_water", usual.output_high_water)),
    )


def chain_of(
    scenario: Scenario, names: tuple[str, ...] | None = None, *, directory: str = "/nowhere"
) -> Chain:
    """The chain of these children, in this order; without names the one at the start."""
    if names is None:
        names = tuple(child.name for child in scenario.children if not child.absent)
    return Chain(
        children=tuple(
            plan_of(scenario, scenario.child(name), f"unix:{directory}/{name}.sock") for name in names
        ),
        limits=limits_of(scenario),
        name_in_reply=scenario.name_in_reply,
        dns_lists=tuple(name for name in names for name in dns_lists(scenario.child(name).when)),
        children_header=scenario.children_header.encode(),
    )


def knowledge_of(scenario: Scenario) -> Knowledge:
    """What mmx knows of the children from earlier sessions."""
    knowledge = Knowledge()
    for child in scenario.children:
        if child.known:
            knowledge.learn(child.name, payload.decode_options(handshake(child)[DATA:]))
    return knowledge


def session_of(scenario: Scenario, chain: Chain, now: float) -> Session:
    """A fresh session."""
    room = scenario.limits.get("spool", math.inf)
    return Session(
        chain, name="s1", now=now, knowledge=knowledge_of(scenario), new_spool=lambda: BoundedSpool(room)
    )


def frame_limit(scenario: Scenario) -> int:
    """The longest frame that is read, in bytes."""
    return int(scenario.limits.get("frame", MAX_FRAME))
