"""What is counted, under which keys, and that no other key can come about."""

from dataclasses import replace

import pytest

from mmx.core import action, edits
from mmx.core.action import ChildFailed, ChildRecord, Held, Judged, MessageRecord, ObservedRecord
from mmx.core.child import Child
from mmx.core.plan import DEFAULT_ACTIONS, ChildPlan
from mmx.observe.tally import BOUNDS, Counts, Durations, Tally
from mmx.settings.endpoint import parse_endpoint
from mmx.settings.model import After, ChildSettings, Mode, Settings
from mmx.wire import command

EMPTY = MessageRecord("1f00c3a7", b"", b"", b"", b"", 0, 0, 0, "accept", b"", "", "", 0.0, ())


def child(name: str, *when: str) -> ChildSettings:
    return ChildSettings(name, parse_endpoint("unix:/run/child.sock"), when=when)


def tally(*children: ChildSettings) -> Tally:
    return Tally(Settings(children=children or (child("a"), child("b"))))


def counted(counts: Counts) -> dict[tuple[str, ...], int]:
    """What is not 0."""
    return {key: number for key, number in counts.numbers.items() if number}


def share(verdict: str, stage: str = "EOM", name: str = "a") -> ChildRecord:
    return ChildRecord(name, verdict, stage, 0.0)


def test_a_message() -> None:
    made = tally()
    made.message(replace(EMPTY, size=100, children=(share("continue"), share("accept", "MAIL", "b"))))
    made.message(replace(EMPTY, size=20, verdict="reject", children=(share("reject", "DATA"),)))
    assert counted(made.messages) == {("accept",): 1, ("reject",): 1}
    assert made.message_bytes == 120
    assert counted(made.children["a"].verdicts) == {("EOM", "continue"): 1, ("DATA", "reject"): 1}
    assert counted(made.children["b"].verdicts) == {("MAIL", "accept"): 1}


@pytest.mark.parametrize(
    "other",
    [
        share("none", ""),
        share("accept", "CONNECT"),  # told by a Judged
        replace(share("tempfail"), failed=True),  # what its default action says is not its verdict
        replace(share("failed"), failed=True),
        share("continue", "BOGUS"),
    ],
)
def test_what_is_no_verdict_of_the_child(other: ChildRecord) -> None:
    made = tally()
    made.message(replace(EMPTY, children=(other,)))
    assert counted(made.children["a"].verdicts) == {}


def test_edits_count_if_they_went_to_the_mta() -> None:
    made = tally()
    edited = replace(share("continue"), edits=(("ADDHEADER", 3), ("REPLBODY", 1)))
    for verdict in ("accept", "quarantine", "reject"):
        made.message(replace(EMPTY, verdict=verdict, children=(edited,)))
    assert counted(made.children["a"].edits) == {("ADDHEADER",): 6, ("REPLBODY",): 2}
    assert {kind for (kind,) in made.children["a"].edits.numbers} == set(edits.KINDS)


def test_quarantined_mail_counts_for_each_child_that_had_it_held() -> None:
    made = tally()
    for names in (("a",), ("a", "b"), ("gone",)):
        held = Held(1.0, tuple((name, b"why") for name in names))
        made.message(replace(EMPTY, verdict="quarantine", held=held))
    made.message(replace(EMPTY, verdict="accept"))
    assert [made.children[name].quarantined.numbers[()] for name in ("a", "b")] == [2, 1]


def test_a_refusal_that_counts_as_quarantine_counts_where_it_was_said() -> None:
    made = tally(child("a"))
    made.message(replace(EMPTY, verdict="quarantine", children=(share("quarantine", "RCPT"),)))
    assert made.children["a"].verdicts.numbers["RCPT", "quarantine"] == 1


def test_verdicts_on_something_else_than_a_message() -> None:
    made = tally()
    for stage, verdict in (
        ("CONNECT", "accept"),
        ("HELO", "reject"),
        ("RCPT", "tempfail"),
        ("UNKNOWN", "reject"),
    ):
        made.judged(Judged(Child(ChildPlan("a")), stage, verdict))
    assert counted(made.children["a"].verdicts) == {
        ("CONNECT", "accept"): 1,
        ("HELO", "reject"): 1,
        ("RCPT", "tempfail"): 1,
        ("UNKNOWN", "reject"): 1,
    }


def failure(step: str, reason: str, taken: str = "") -> ChildFailed:
    return ChildFailed(Child(ChildPlan("a")), step, reason, "text from \x1b somewhere", taken)


def test_failures_and_default_actions() -> None:
    made = tally()
    made.failure(failure("connect", "refused", "accept"))
    made.failure(failure("EOM", "timeout", "tempfail"))
    made.failure(failure("idle", "eof"))
    made.failure(failure("connect", "a new reason"))
    assert counted(made.children["a"].failures) == {
        ("connect", "refused"): 1,
        ("EOM", "timeout"): 1,
        ("idle", "eof"): 1,
        ("other", "other"): 1,
    }
    assert counted(made.children["a"].default_actions) == {("accept",): 1, ("tempfail",): 1}
    assert {key for (key,) in made.children["a"].default_actions.numbers} == set(DEFAULT_ACTIONS)


def test_waiting_times_fall_into_steps() -> None:
    durations = Durations()
    for seconds in (0.0, BOUNDS[0], BOUNDS[0] * 1.01, BOUNDS[-1], BOUNDS[-1] * 1.01):
        durations.add(seconds)
    assert (durations.steps[0], durations.steps[1]) == (2, 1)
    assert durations.steps[-2:] == [1, 1]
    assert durations.seconds == pytest.approx(BOUNDS[0] * 2.01 + BOUNDS[-1] * 2.01)


def test_waiting_times_of_a_message_by_stage() -> None:
    made = tally()
    waited = {command.MAIL: 0.0, command.BODY: 1.5, command.EOM: 7.0}
    made.message(replace(EMPTY, children=(replace(share("continue"), waited=waited),)))
    seconds = {code: one.seconds for code, one in made.children["a"].durations.items() if sum(one.steps)}
    assert seconds == waited


def test_every_command_that_is_waited_for_has_a_stage() -> None:
    known = set(tally().children["a"].durations)
    assert known | {command.HEADER, command.EOH} == set(action.STAGES)


def test_observed_children() -> None:
    made = tally(child("a"), replace(child("try"), mode=Mode.OBSERVE))
    record = ObservedRecord("s", b"", "try", "reject", "EOM", b"", 0, (), "accept", "", 0.1)
    made.observation(record)
    made.observation(replace(record, child="gone"))
    assert counted(made.observed["try"]) == {("reject",): 1}
    assert set(made.children) == {"a"}


def test_a_reload() -> None:
    made = tally(child("a", "remote", "not partners"), child("b"))
    skipped = replace(share("skipped", ""), because="not (local: client: 127.0.0.1 is on loopback)")
    made.message(replace(EMPTY, children=(skipped, share("continue", name="b"))))
    made.follow(Settings(children=(child("a", "remote", "s25r"), child("c"))))
    assert set(made.children) == {"a", "c"}
    assert made.children["a"].skipped.numbers == {("remote",): 1, ("s25r",): 0, ("other",): 0}
    made.message(replace(EMPTY, children=(skipped, share("continue", name="b"))))
    assert made.children["a"].skipped.numbers[("remote",)] == 2
    made.follow(Settings(children=(child("b"),)))
    assert counted(made.children["b"].verdicts) == {}


def test_conditions_that_are_no_words_of_when() -> None:
    made = tally(replace(child("a"), after=After("b", ("accept",)), max_size=100), child("b"))
    for because in ("after: b said continue", "max_size: more than 100 bytes", "what is this"):
        made.message(replace(EMPTY, children=(replace(share("skipped"), because=because),)))
    assert made.children["a"].skipped.numbers == {("after",): 1, ("max_size",): 1, ("other",): 1}
