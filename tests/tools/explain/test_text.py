"""What `mmx explain` prints."""

import json

from mmx.core.plan import After, ChildPlan
from mmx.settings.endpoint import parse_endpoint
from mmx.settings.model import ChildSettings, Mode
from mmx.tools.explain.play import Outcome
from mmx.tools.explain.text import Explained, explained, json_of, text_of

PLACE = parse_endpoint("unix:/run/child.sock")


def explain(plan: ChildPlan, *outcomes: Outcome, mode: Mode = Mode.ENFORCE) -> str:
    by_name = {outcome.name: outcome for outcome in outcomes}
    return text_of(explained([ChildSettings(plan.name, PLACE, mode=mode)], {plan.name: plan}, by_name))


def test_children_that_run_do_not_and_may() -> None:
    plan = ChildPlan("child")
    assert explain(plan, Outcome("child", True, "CONNECT")) == "child: runs, from CONNECT on\n"
    assert explain(plan, Outcome("child", True, "RCPT 2", "why")) == "child: runs, from RCPT 2 on: why\n"
    assert (
        explain(plan, Outcome("child", False, "MAIL", "why")) == "child: does not run: why (known at MAIL)\n"
    )
    expected = "child: not known yet: why; say more of the mail to know: --from, --rcpt, a message\n"
    assert explain(plan, Outcome("child", None, "", "why")) == expected


def test_what_limits_a_child_stands_below() -> None:
    plan = ChildPlan(
        "child", only_matching=True, max_size=1 << 20, verdicts={"quarantine": "accept", "reject": "tempfail"}
    )
    outcome = Outcome("child", True, "MAIL", "", recipients=("<a@b>", "<c@d>"))
    assert explain(plan, outcome, mode=Mode.OBSERVE).splitlines() == [
        "child: runs, from EOM on",
        "    recipients: it is shown <a@b>, <c@d>",
        "    max_size: a message of more than 1MiB is taken from it",
        "    verdicts: quarantine as accept, reject as tempfail",
        "    mode: observe: it is shown the message when that has had its answer, without effect",
    ]
    outcome.leaves = "max_size: more than 10 bytes, from body on"
    assert "    it is taken out again: max_size: more than 10 bytes, from body on\n" in explain(plan, outcome)
    outcome.runs = False
    assert len(explain(plan, outcome, mode=Mode.OBSERVE).splitlines()) == 1


def test_after_says_what_it_depends_on() -> None:
    plan = ChildPlan("child", after=After("first", frozenset({"continue", "accept"})))
    runs, first = Outcome("child", True, "CONNECT"), Outcome("first", True, "CONNECT")
    assert explain(plan, runs, first).startswith("child: runs, from MAIL on\n")
    assert "after: only if first says accept or continue, and not before it does" in explain(
        plan, runs, first
    )
    first.runs = False
    assert "after: first is not asked, so nothing is waited for" in explain(plan, runs, first)
    assert "after: first is not asked, so nothing is waited for" in explain(plan, runs)


def test_children_outside_the_chain_say_why() -> None:
    children = [
        ChildSettings("a", PLACE, enabled=False),
        ChildSettings("b"),
    ]
    assert text_of(explained(children, {}, {})).splitlines() == [
        "a: does not run: enabled: no",
        "b: does not run: it was not found, and has no endpoint",
    ]


def test_no_children() -> None:
    assert text_of([]) == "no children: mail passes unchecked\n"


def test_json() -> None:
    assert json.loads(json_of([Explained("a", None, "", "why", ("note",))])) == {
        "children": [{"child": "a", "runs": None, "event": "", "why": "why", "notes": ["note"]}]
    }
