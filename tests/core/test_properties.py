"""Properties of a whole session that must hold whatever the peers do and in whatever order it arrives."""

from hypothesis import given
from hypothesis import strategies as st

from mmx.core import plan
from mmx.core.plan import ChildPlan
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import frame
from tests.core.oracle import expected
from tests.core.simulation import Answer, Message, Script, Simulation

EDITS = [
    frame(reply.ADDHEADER, b"X-Added\0one\0"),
    frame(reply.INSHEADER, payload.encode_indexed_header(0, b"X-Top", b"two")),
    frame(reply.ADDRCPT, b"<x@example.org>\0"),
    frame(reply.DELRCPT, b"<0.0@example.org>\0"),
    frame(reply.CHGFROM, b"<y@example.org>\0"),
    frame(reply.QUARANTINE, b"why\0"),
    frame(reply.REPLBODY, b"new\r\n"),
    frame(reply.REPLBODY, b"newer\r\n"),
]
# MAIL is left in: a scripted child knows from it which message it is in.
NO_EVENT = [option.NOT_WANTED[code] for code in option.NOT_WANTED if code not in (command.MAIL, command.EOM)]
NO_REPLY = [option.NO_REPLY[code] for code in option.NO_REPLY if code != command.EOM]
EVENTS = [
    "C", "H",
    *(f"{letter}{n}" for n in range(2) for letter in ("M", "T", "N", "B", "E")),
    *(f"R{n}.{place}" for n in range(2) for place in range(2)),
    *(f"L{n}.{name}" for n in range(2) for name in ("Subject", "From")),
]  # fmt: skip

texts = st.sampled_from([b"550 5.7.1 no", b"451 4.7.1 later", b"421 4.7.0 bye"])
schedules = st.lists(st.integers(0, 5), max_size=120)
messages = st.lists(
    st.builds(Message, st.integers(1, 2), st.just(99) | st.integers(1, 9)), min_size=1, max_size=2
)


def bits(choices: list[int]) -> st.SearchStrategy[int]:
    return st.sets(st.sampled_from(choices), max_size=3).map(sum)


@st.composite
def answers(draw: st.DrawFn, kinds: str, *, deaths: bool, skips: str) -> dict[str, Answer]:
    given: dict[str, Answer] = {}
    for event in draw(st.sets(st.sampled_from(EVENTS), max_size=4)):
        kind = draw(st.sampled_from([*kinds, "die"] if deaths else list(kinds)))
        if kind == "s" and event[0] not in skips:
            kind = "c"
        edits = draw(st.lists(st.sampled_from(EDITS), max_size=3)) if event[0] == "E" else []
        given[event] = Answer(kind, draw(texts) if kind == "y" else b"", tuple(edits))
    return given


@st.composite
def chains(draw: st.DrawFn, *, kinds: str = "cartyds4", deaths: bool = False) -> list[Script]:
    scripts = []
    for name in "abc"[: draw(st.integers(1, 3))]:
        pipelining = draw(st.sampled_from([plan.LOCK_STEP, plan.HEADERS, plan.WHOLE]))
        skips = "RLB" if pipelining == plan.LOCK_STEP else "RB"
        child = ChildPlan(
            name,
            content=draw(st.sampled_from([plan.EDITED, plan.EDITED, plan.ORIGINAL])),
            pipelining=pipelining,
            unreachable=draw(st.sampled_from(plan.DEFAULT_ACTIONS)),
            died=draw(st.sampled_from(plan.DEFAULT_ACTIONS)),
        )
        scripts.append(
            Script(
                child,
                actions=draw(st.sampled_from([0, option.ADDHDRS, option.ALL_ACTIONS])),
                protocol=draw(bits(NO_EVENT)) | draw(bits(NO_REPLY)) | draw(bits([option.HDR_LEADSPC])),
                # What follows a skipped header may be on its way already where headers are not waited for.
                answers=draw(answers(kinds, deaths=deaths, skips=skips)),
                down=deaths and draw(st.integers(0, 5)) == 5,
            )
        )
    return scripts


@given(chains(), messages, schedules)
def test_any_order_of_arrival_gives_what_one_after_another_gives(
    scripts: list[Script], mail: list[Message], schedule: list[int]
) -> None:
    simulation = Simulation(scripts, mail)
    simulation.run(schedule)
    assert simulation.transcript == expected(scripts, mail)


@given(chains(deaths=True), messages, schedules)
def test_a_death_is_its_default_action_at_the_event_where_its_reply_was_due(
    scripts: list[Script], mail: list[Message], schedule: list[int]
) -> None:
    simulation = Simulation(scripts, mail)
    simulation.run(schedule)
    assert simulation.transcript == expected(scripts, mail)
