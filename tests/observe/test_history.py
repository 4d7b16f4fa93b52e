"""What mmx remembers, and how much of it."""

from dataclasses import replace

import pytest

from mmx.core.action import ChildFailed, ChildRecord, ObservedRecord
from mmx.core.child import Child
from mmx.core.plan import ChildPlan
from mmx.observe.history import DECISIONS_KEPT, ERRORS_KEPT, RELOADS_KEPT, ChildError, History, Reload
from tests.observe.test_message_line import RECORD

NOW = 1_000_000.0


def failure(step: str = "EOM", action: str = "accept", detail: str = "no answer") -> ChildFailed:
    return ChildFailed(Child(ChildPlan("clamav")), step, "timeout", detail, action)


def test_a_decision() -> None:
    history = History()
    history.message(RECORD, NOW)
    (decision,) = history.view(NOW).decisions
    assert (decision.at, decision.queue_id, decision.verdict) == (NOW, "4XyZ12", "reject")
    assert (decision.child, decision.stage) == ("opendmarc", "EOM")
    assert (decision.client, decision.sender) == ("", "")


def test_no_address_is_kept_unless_asked_for() -> None:
    history = History()
    history.message(RECORD, NOW)
    history.failure(failure(), NOW)
    assert "example" not in repr(history.view(NOW))
    history.keep_only(["opendkim"], keeps_addresses=True)
    history.message(RECORD, NOW)
    newest, oldest = history.view(NOW).decisions
    assert (newest.client, newest.sender) == ("mail.example.net", "<s@example.net>")
    assert (oldest.client, oldest.sender) == ("", "")
    history.keep_only(["opendkim"], keeps_addresses=False)
    assert "example" not in repr(history.view(NOW))


def test_what_came_with_mail_is_escaped() -> None:
    history = History(keeps_addresses=True)
    history.message(replace(RECORD, queue_id=b"\x1b[2J", sender=b"\n" * 1000), NOW)
    (decision,) = history.view(NOW).decisions
    assert decision.queue_id == r"\x1b[2J"
    assert decision.sender.isprintable()
    assert len(decision.sender) <= 200


def test_verdicts_failures_and_latency_of_a_child() -> None:
    history = History()
    history.message(RECORD, NOW)
    history.message(replace(RECORD, verdict="accept"), NOW)
    history.failure(failure(), NOW)
    history.failure(failure(action=""), NOW + 1)
    view = history.view(NOW)
    assert view.verdicts == {"reject": 1, "accept": 1}
    assert view.of("opendkim").verdicts == {"accept": 2}
    assert view.of("opendkim").hour.p50 == pytest.approx(0.004, rel=0.2)
    assert view.of("opendkim").minutes[-1].messages == 2
    clamav = view.of("clamav")
    assert (clamav.failures, clamav.default_actions) == ({"timeout": 2}, {"accept": 1})
    assert clamav.errors == (
        ChildError(NOW + 1, "EOM", "timeout", "", "no answer"),
        ChildError(NOW, "EOM", "timeout", "accept", "no answer"),
    )


def test_a_child_that_was_not_asked_has_no_latency() -> None:
    history = History()
    history.message(replace(RECORD, children=(ChildRecord("a", "skipped", "", 0.0),)), NOW)
    assert history.view(NOW).of("a").hour.messages == 0
    assert history.view(NOW).of("a").verdicts == {"skipped": 1}


def test_what_a_child_observed() -> None:
    history = History()
    seen = ObservedRecord("s", b"4X", "new", "reject", "EOM", b"550 no", 0, (), "accept", "", 0.3)
    history.observed(seen, NOW)
    history.observed(replace(seen, verdict="missed", stage=""), NOW)
    view = history.view(NOW)
    assert view.of("new").verdicts == {"reject": 1, "missed": 1}
    assert view.of("new").hour.messages == 1
    assert (view.verdicts, view.decisions) == ({}, ())


def test_nothing_grows_without_end() -> None:
    history = History(keeps_addresses=True)
    for number in range(500):
        history.message(replace(RECORD, queue_id=str(number).encode()), NOW + 60 * number)
        history.failure(failure(detail="x" * 10_000), NOW)
        history.reload("no change", NOW, succeeded=True)
    view = history.view(NOW + 60 * 500)
    assert len(view.decisions) == DECISIONS_KEPT
    assert view.decisions[0].queue_id == "499"
    assert len(view.reloads) == RELOADS_KEPT
    assert len(view.of("clamav").errors) == ERRORS_KEPT
    assert all(len(error.detail) <= 300 for error in view.of("clamav").errors)


def test_children_that_left_are_forgotten() -> None:
    history = History()
    history.message(RECORD, NOW)
    history.keep_only(["opendkim"], keeps_addresses=False)
    assert set(history.view(NOW).children) == {"opendkim"}
    assert history.view(NOW).of("opendmarc").verdicts == {}


def test_reloads_the_latest_first() -> None:
    history = History()
    history.reload("started", NOW, succeeded=True)
    history.reload("wrong", NOW + 1, succeeded=False)
    assert history.view(NOW).reloads == (Reload(NOW + 1, False, "wrong"), Reload(NOW, True, "started"))


def test_a_view_does_not_change() -> None:
    history = History()
    view = history.view(NOW)
    history.message(RECORD, NOW)
    assert view.decisions == ()
