"""A message that has had its answer, kept whole for the children that only observe.

At the end of a transaction (`settling.end_transaction`) its events, its content and the edits of its
children are not dropped but handed over, spools and all, if a child observes; nothing is copied. Whoever
takes the transcript releases it once for each observing child; the last release closes the spools.

What an observing child is shown is the message as the children before it in the order left it, with the
recipients that nobody refused. Whether its conditions, its `max_size` and its `after` let it see the message
is asked here, when all is known; what cannot be told keeps nothing from it. Only a message whose end of
message was answered is kept: one that was refused before has no content that could be judged.
"""

from typing import NamedTuple

from mmx.core import edits, facts, joins, negotiation
from mmx.core.condition import Truth, decide
from mmx.core.content import Content, Source
from mmx.core.edits import Edits
from mmx.core.event import Event
from mmx.core.plan import ORIGINAL, ObservedPlan
from mmx.core.spool import Spool
from mmx.core.state import State, Transaction
from mmx.wire import option

Shares = list[tuple[str, Edits, bool]]
"""Name of a child, its edits, and whether it saw the original message; in chain order."""


class View(NamedTuple):
    """The message as one child is to see it; `body` is where the pieces of body are read from."""

    source: Source
    body: Spool


class Sight(NamedTuple):
    """What one child may see of the message."""

    recipients: list[Event]
    skipped: str = ""
    """Why it sees nothing, "" if it does."""


class Transcript:
    """One message and what came before it in its session."""

    __slots__ = (
        "_holders",
        "_shares",
        "_sights",
        "chain",
        "content",
        "data",
        "envelope",
        "listener",
        "offer",
        "queue_id",
        "requested",
        "session",
        "stressed",
        "verdict",
    )

    def __init__(
        self,
        state: State,
        transaction: Transaction,
        content: Content,
        shares: Shares,
        sights: dict[str, Sight],
    ) -> None:
        self.session = state.name
        self.listener = state.listener
        self.stressed = state.stressed
        self.chain = state.chain
        self.offer = state.offer._replace(
            version=option.VERSION, protocol=state.offer.protocol | negotiation.STREAMED, macros={}
        )
        """What the MTA offered, but that the content is played without waiting for replies."""
        self.queue_id = transaction.queue_id
        conclusion = transaction.conclusion
        self.verdict = conclusion.verdict.word if conclusion is not None else ""
        events = (state.greeting, state.helo, transaction.mail)
        self.envelope = [event for event in events if event is not None]
        """CONNECT, HELO, MAIL."""
        self.data = transaction.data
        self.content = content
        self.requested = state.requested
        """Macro lists that were sent to the MTA."""
        self._sights = sights
        self._shares = shares
        self._holders = len(state.chain.observed)

    @property
    def size(self) -> int:
        """Bytes that its spools hold."""
        return sum(spool.size for spool in self._spools())

    @property
    def is_last(self) -> bool:
        """True if one child alone still holds it."""
        return self._holders == 1

    def sight(self, plan: ObservedPlan) -> Sight:
        """What this child may see."""
        return self._sights[plan.child.name]

    def view(self, plan: ObservedPlan) -> View:
        """The message as this child is to see it."""
        content = self.content
        shares = [(share, original) for name, share, original in self._shares if name in plan.behind]
        body = next((share.body for share, _ in reversed(shares) if share.body is not None), None)
        original = plan.child.content == ORIGINAL and (plan.child.original_always or body is None)
        if original or not any(share.changes_content for share, _ in shares):
            return View(content, content.body)
        return View(edits.revise(shares, content), content.body if body is None else body)

    def release(self) -> None:
        """One child is done with it."""
        self._holders -= 1
        if self._holders == 0:
            for spool in self._spools():
                spool.close()
            self._shares.clear()

    def _spools(self) -> list[Spool]:
        bodies = [share.body for _, share, _ in self._shares if share.body is not None]
        return [self.content.body, *bodies]


def goes_on(state: State, transaction: Transaction) -> bool:
    """True if content is taken although the message has its verdict, because a child is to see all of it."""
    return bool(state.chain.observed) and transaction.content is not None and not transaction.overflow


def keep(state: State, transaction: Transaction) -> Transcript | None:
    """Take over a message that ends now; None if no child is to see it, and all of it is to be dropped."""
    content, conclusion = transaction.content, transaction.conclusion
    if content is None or conclusion is None or transaction.overflow:
        return None
    if not (state.chain.observed and conclusion.answered and content.complete):
        return None
    sights = {plan.child.name: _sight(state, transaction, content, plan) for plan in state.chain.observed}
    wanted = {name for plan in state.chain.observed for name in plan.behind}
    shares: Shares = []
    for child in state.children:
        part = child.part
        if part is None or part.edits is None:
            continue
        if part.delivered and child.name in wanted:
            shares.append((child.name, part.edits, part.original))
        else:
            part.edits.drop()
    return Transcript(state, transaction, content, shares, sights)


def _sight(state: State, transaction: Transaction, content: Content, observed: ObservedPlan) -> Sight:
    plan = observed.child
    recipients = [event for event in transaction.recipients if not (event.refused or event.rejected)]
    said, why = joins.said(state, plan.after)
    if said is Truth.NO:
        return Sight([], why)
    if plan.when is not None:
        known = facts.facts_of(state)
        holds, why = decide(plan.when, known)
        if holds is Truth.NO:
            return Sight([], why or "condition")
        if plan.only_matching:
            recipients = [
                event
                for event in recipients
                if plan.when.truth(known, facts.address_of(event)) is not Truth.NO
            ]
    if plan.max_size is not None and content.octets > plan.max_size:
        return Sight([], f"max_size: more than {plan.max_size} bytes")
    return Sight(recipients)
