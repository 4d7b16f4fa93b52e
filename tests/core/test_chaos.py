"""Whatever bytes come from the MTA and the children, in any order, at any time: nothing raises, nothing grows
without bound, every wait ends in a reply or a closed link, and mmx never says what an MTA could not take.
"""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Final, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from mmx.core import plan
from mmx.core.action import Close, CloseMta, Dial, Loss, PauseMta, ResumeMta
from mmx.core.child import Child, Link
from mmx.core.condition import Truth
from mmx.core.mta import Phase
from mmx.core.negotiation import Knowledge
from mmx.core.plan import After, Chain, ChildPlan, Limits
from mmx.core.session import Session
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, FrameSplitter, frame
from tests.scenarios.conditions import parse_when

LIMITS: Final = Limits(
    message_timeout=100.0,
    idle_timeout=300.0,
    max_edits=2000,
    max_headers=2000,
    max_transcript=2000,
    max_due=20,
    output_high_water=100,
)
CONNECTION: Final = payload.encode_connection(b"mail.example.net", b"4", 2525, b"192.0.2.7")
POSTFIX: Final = payload.encode_macros(command.CONNECT, [(b"v", b"Postfix 3.7.11")])
REJECTED: Final = payload.encode_macros(command.RCPT, [(b"{rcpt_mailer}", b"error")])

HELO: Final = frame(command.HELO, b"mail.example.net\0")
MAIL: Final = frame(command.MAIL, b"<s@example.net>\0SIZE=9\0")
RCPT: Final = frame(command.RCPT, b"<r@example.org>\0")
HEADER: Final = frame(command.HEADER, b"Subject\0 hello\0")
BODY: Final = frame(command.BODY, b"text\r\n")
EOM: Final = frame(command.EOM)
USUAL: Final[dict[Phase, list[bytes]]] = {
    Phase.NEW: [frame(command.OPTNEG, payload.encode_options(6, 0x1FF, 0x1FFFFF, {}))],
    Phase.NEGOTIATED: [frame(command.CONNECT, CONNECTION)],
    Phase.CONNECTED: [MAIL, MAIL, MAIL, MAIL, MAIL, HELO, frame(command.UNKNOWN, b"FOO\0")],
    Phase.ENVELOPE: [RCPT, frame(command.DATA), RCPT, frame(command.DATA), frame(command.MACRO, REJECTED)],
    Phase.DATA: [HEADER, frame(command.EOH), EOM],
    Phase.HEADERS: [HEADER, frame(command.EOH), frame(command.EOH)],
    Phase.BODY: [BODY, EOM, EOM, frame(command.EOM, b"tail")],
}
"""What an MTA is likely to say in each phase."""
SELDOM: Final = [
    frame(command.ABORT), frame(command.ABORT), MAIL, HELO, EOM, frame(command.UNKNOWN, b"FOO\0"),
    frame(command.MACRO, POSTFIX), frame(command.MACRO, REJECTED), frame(command.QUIT_NC),
]  # fmt: skip

PLAIN: Final = [frame(code) for code in sorted(reply.WITHOUT_DATA)]
EDITS: Final = [
    frame(reply.ADDHEADER, b"X-Added\0one\0"),
    frame(reply.INSHEADER, payload.encode_indexed_header(1, b"X-Top", b"two")),
    frame(reply.CHGHEADER, payload.encode_indexed_header(1, b"Subject", b"")),
    frame(reply.ADDRCPT, b"<x@example.org>\0"),
    frame(reply.CHGFROM, b"<y@example.org>\0RET=HDRS\0"),
    frame(reply.QUARANTINE, b"why\0"),
    frame(reply.REPLBODY, b"new\r\n"),
    frame(reply.REPLBODY, b"x" * 200),
]
OTHER: Final = [
    frame(reply.REPLYCODE, b"550 5.7.1 no\0"),
    frame(reply.REPLYCODE, b"451\0"),
    frame(reply.CONN_FAIL),
    frame(reply.OPTNEG, payload.encode_options(6, option.ALL_ACTIONS, 0, {})),
]
LOSSES: Final = [Loss("refused"), Loss("eof"), Loss("resources"), Loss("frame", "frame of length 0")]
PERIODS: Final = [0.0, 1.0, 5.0, 10.0, 25.0, 240.0]

garbage = st.builds(frame, st.integers(0, 255) | st.sampled_from([*command.NAMES]), st.binary(max_size=12))
spoilt = st.builds(frame, st.sampled_from([*reply.NAMES]), st.binary(max_size=12))
places = st.integers(0, 7)


def weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of the strategies, as often as its weight says; `|` would give every leaf of a nest the same."""
    table = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.integers(0, len(table) - 1).flatmap(table.__getitem__)


replies = weighted(
    (20, st.just(frame(reply.CONTINUE))),
    (2, st.sampled_from(PLAIN)),
    (5, st.sampled_from(EDITS)),
    (1, st.sampled_from(OTHER) | spoilt),
)


class Move(NamedTuple):
    """One thing that happens: what is called, with which arguments."""

    act: Callable[..., None]
    arguments: tuple[Any, ...]


class Chaos:
    """A session and what its peers have seen of it."""

    def __init__(self, plans: Sequence[ChildPlan]) -> None:
        chain = Chain(tuple(plans), LIMITS, dns_lists=("bl",))
        self.session = Session(chain, name="s", now=0.0, knowledge=Knowledge())
        self._conditional = {plan.name for plan in plans if not is_always_asked(plan)}
        """ACCEPT to the MTA does not mean that these have said it, after a reload neither."""
        self.open: set[Child] = set()
        self.accepted: set[str] = set()
        self._paused = False
        self._split = FrameSplitter(1 << 30)
        self._in_body = self._in_edits = False
        self._asked = 0
        self._answered = 0

    def mta(self, sent: bytes) -> None:
        if self._paused or self.session.finished:
            return
        self._asked += sent[CODE] not in (command.MACRO, command.ABORT, command.QUIT, command.QUIT_NC)
        self.session.from_mta(sent)
        self.settle()

    def usual(self, pick: int) -> None:
        """What the MTA is likely to say next, unless it waits."""
        if self.session.state.owed is None:
            likely = USUAL[self.session.state.phase]
            self.mta(likely[pick % len(likely)])

    def child(self, pick: int) -> Child | None:
        """One of the children, if there are any."""
        children = self.session.children
        return children[pick % len(children)] if children else None

    def child_answers(self, pick: int, sent: bytes) -> None:
        """A child that owes a reply says this; edits are mostly left to the end of the message."""
        owing = [child for child in self.session.children if child.due]
        if owing:
            child = owing[pick % len(owing)]
            early = sent[CODE] in reply.EDITS and child.due[0].code != command.EOM
            self.child_says(child, frame(reply.CONTINUE) if early and pick else sent)

    def child_says(self, child: Child | None, sent: bytes) -> None:
        if child is None:
            return
        if sent[CODE:DATA] == bytes((reply.ACCEPT,)):
            self.accepted.add(child.plan.name)
        self.session.from_child(child, sent)
        self.settle()

    def wait(self, seconds: float) -> None:
        """Time passes up to the deadline and beyond; the timer may fire early too."""
        self.session.now += seconds
        self.session.on_time()
        self.settle()
        assert self.session.deadline > self.session.now, "the timer would fire again at once"

    def settle(self) -> None:
        """What the shell does after an entry, until nothing is held back any more."""
        session = self.session
        while True:
            for child in session.children:
                child.out.clear()
            for received in self._split.feed(b"".join(session.mta_out)):
                self._hear(received)
            session.mta_out.clear()
            actions = list(session.actions)
            session.actions.clear()
            for action in actions:
                if isinstance(action, Dial):
                    self.open.add(action.child)
                elif isinstance(action, Close):
                    self.open.discard(action.child)
                elif isinstance(action, PauseMta | ResumeMta | CloseMta):
                    self._paused = isinstance(action, PauseMta)
            stalled = [child for child in session.children if child.stalled and not child.blocked]
            if session.mta_stalled and not session.state.mta_blocked:
                session.mta_blocked(False)
            elif stalled:
                session.child_blocked(stalled[0], False)
            elif not actions:
                break
        self._check_bounds()

    def _hear(self, received: bytes) -> None:
        """The grammar of what an MTA can take: PROGRESS, edits, the body in one piece, then c or a."""
        code = received[CODE]
        if code == reply.PROGRESS:
            assert not self._in_body, "PROGRESS inside a body"
            return
        if code in reply.EDITS:
            assert not self._in_body or code == reply.REPLBODY, "an edit behind the body"
            self._in_edits = True
            self._in_body = code == reply.REPLBODY
            return
        assert code in reply.VERDICTS | {reply.OPTNEG}
        assert code != reply.SHUTDOWN
        assert not self._in_edits or code in (reply.CONTINUE, reply.ACCEPT), "edits before a refusal"
        if code == reply.ACCEPT:
            assert self.session.children
            assert not any(child.sentence for child in self.session.children)
            names = {child.plan.name for child in self.session.children}
            assert names - self._conditional <= self.accepted
        self._in_body = self._in_edits = False
        self._answered += 1
        assert self._answered <= self._asked, f"{received!r} unasked"

    def _check_bounds(self) -> None:
        state = self.session.state
        for child in self.session.children:
            assert len(child.due) <= LIMITS.max_due + 2
            edits = child.part.edits if child.part is not None else None
            assert edits is None or edits.size <= LIMITS.max_edits
        transaction = state.transaction
        if transaction is not None and transaction.conclusion is None:
            assert transaction.transcript_size <= LIMITS.max_transcript
            assert transaction.content is None or transaction.content.headers_size <= LIMITS.max_headers
        assert len(state.inbox) <= 1

    def finish(self) -> None:
        """Everybody falls silent: time alone must end every wait, and nothing may be left behind."""
        for child in self.session.children:
            self.session.child_blocked(child, False)
        self.session.mta_blocked(False)
        self.settle()
        for _ in range(200):
            if self.session.finished or self.session.state.owed is None:
                break
            assert isfinite(self.session.deadline), "a wait that no time ends"
            self.wait(self.session.deadline - self.session.now)
        assert self.session.finished or self.session.state.owed is None, "no reply and no closed link"
        self.session.mta_lost("gone")
        self.settle()
        assert self.session.finished
        assert not self.open, "a connection is left behind"
        assert not isfinite(self.session.deadline)


def lose(chaos: Chaos, pick: int, loss: Loss) -> None:
    child = chaos.child(pick)
    if child is not None:
        chaos.open.discard(child)
        chaos.session.child_lost(child, loss)
        chaos.settle()


def connect(chaos: Chaos, pick: int) -> None:
    """The connection of one child that is being dialled, and its handshake."""
    dialled = [child for child in chaos.session.children if child.link is Link.DIALLING]
    if dialled:
        handshake(chaos, dialled[pick % len(dialled)])


def handshake(chaos: Chaos, child: Child) -> None:
    """The child is there and wants everything."""
    chaos.session.child_up(child)
    chaos.session.from_child(child, OTHER[-1])
    chaos.settle()


def connect_all(chaos: Chaos) -> None:
    for child in list(chaos.session.children):
        if child.link is Link.DIALLING:
            handshake(chaos, child)


def stray(chaos: Chaos, pick: int, sent: bytes) -> None:
    """A child says this, whether it owes a reply or not."""
    chaos.child_says(chaos.child(pick), sent)


def block(chaos: Chaos, pick: int, blocked: bool) -> None:
    child = chaos.child(pick)
    if child is not None:
        chaos.session.child_blocked(child, blocked)
        chaos.settle()


def look_up(chaos: Chaos, listed: Truth) -> None:
    chaos.session.looked_up("bl", listed)
    chaos.settle()


def is_always_asked(plan: ChildPlan) -> bool:
    return plan.when is None and plan.after is None and plan.max_size is None and not plan.verdicts


def reload(chaos: Chaos, names: str) -> None:
    chaos.session.set_chain(Chain(tuple(ChildPlan(name) for name in names), LIMITS))


def break_down(chaos: Chaos) -> None:
    """An entry of mmx raised."""
    chaos.session.internal_error()
    chaos.settle()


def block_mta(chaos: Chaos, blocked: bool) -> None:
    chaos.session.mta_blocked(blocked)
    chaos.settle()


def move(act: Callable[..., None], *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Move]:
    return st.builds(Move, st.just(act), st.tuples(*arguments))


usual = move(Chaos.usual, places)
answers = move(Chaos.child_answers, places, replies)
connects = move(connect_all)
seldom = st.one_of(
    move(Chaos.mta, weighted((9, st.sampled_from(SELDOM)), (1, garbage))),
    move(stray, places, replies),
    move(connect, places),
    move(Chaos.wait, st.sampled_from(PERIODS)),
    move(lose, places, st.sampled_from(LOSSES)),
    move(block, places, st.booleans()),
    move(block_mta, st.booleans()),
    move(look_up, st.sampled_from([Truth.YES, Truth.NO, Truth.UNKNOWN])),
    move(reload, st.sampled_from(["", "a", "cb", "bd"])),
    move(break_down),
)
CONDITIONS: Final = [
    *(None, None, None, "client:192.0.2.7", "client:192.0.2.8", "helo:mail.example.net"),
    *("sender:<s@example.net>", "recipient:<r@example.org>", "not-recipient:<r@example.org>"),
    *("every_recipient:<r@example.org>", "header:Subject", "not-header:Subject", "size_above:5"),
    *("not-size_above:50", "listed:bl", "listed:bl,recipient:<r@example.org>", "not-macro:auth_type"),
]
VERDICTS: Final[list[dict[str, str]]] = [
    *({}, {}, {"reject": "accept"}, {"reject": "quarantine", "tempfail": "discard"}),
    *({"quarantine": "reject", "discard": "tempfail"}, {"tempfail": "reject", "quarantine": "accept"}),
]
plans = st.fixed_dictionaries(
    {
        "pipelining": st.sampled_from(["no", "headers", "yes"]),
        "content": st.sampled_from(["edited", "original"]),
        "died": st.sampled_from(plan.DEFAULT_ACTIONS),
        "unreachable": st.sampled_from(plan.DEFAULT_ACTIONS),
        "when": st.sampled_from([None if text is None else parse_when(text) for text in CONDITIONS]),
        "only_matching": st.booleans(),
        "max_size": st.sampled_from([None, None, None, 0, 10]),
        "verdicts": st.sampled_from(VERDICTS),
        "after": st.sampled_from(
            [None, None, None, After("a", frozenset({"continue"})), After("b", frozenset({"accept"}))]
        ),
    }
)
moves = weighted((12, usual), (12, answers), (2, connects), (1, seldom))


@given(st.lists(plans, max_size=3), st.booleans(), st.lists(moves, min_size=20, max_size=120))
def test_any_peers(children: list[dict[str, Any]], postfix: bool, played: list[Move]) -> None:
    chaos = Chaos([ChildPlan(name, **settings) for name, settings in zip("abc", children, strict=False)])
    chaos.mta(USUAL[Phase.NEW][0])
    connect_all(chaos)
    if postfix:
        chaos.mta(frame(command.MACRO, POSTFIX))
    chaos.usual(0)
    for each in played:
        each.act(chaos, *each.arguments)
    chaos.finish()
