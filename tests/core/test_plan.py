"""Facts about the plan that other parts rely on."""

import dataclasses

import pytest

from mmx.core import plan
from mmx.core.plan import Chain, ChildPlan, Limits
from mmx.wire import option


@pytest.mark.parametrize("what", [ChildPlan("a"), Limits(), Chain()])
def test_a_plan_cannot_be_changed(what: ChildPlan | Limits | Chain) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(what, dataclasses.fields(what)[0].name, None)
    with pytest.raises(TypeError):
        plan.POSTFIX_MACROS[0] = ()  # type: ignore[index]


def test_whoever_fails_is_tempfailed_unless_the_administrator_says_otherwise() -> None:
    assert ChildPlan("a").unreachable == ChildPlan("a").died == plan.TEMPFAIL


def test_waits_fit_into_those_of_postfix() -> None:
    """T1 and T6: 30 s for a command and 300 s for content on Postfix's side, PROGRESS well before them."""
    limits, child = Limits(), ChildPlan("a")
    assert child.connect_timeout + child.command_timeout <= 30
    assert limits.foreign_event_timeout < 30
    assert child.content_timeout < 300
    assert child.content_timeout < limits.message_timeout < 600
    assert limits.progress_interval * 3 <= 30
    assert limits.idle_timeout == 7210


def test_every_limit_is_a_positive_number() -> None:
    assert all(value > 0 for value in dataclasses.asdict(Limits()).values())


def test_the_base_lists_name_every_stage_once() -> None:
    assert sorted(plan.POSTFIX_MACROS) == list(range(option.LAST_STAGE + 1))
    assert all(len(set(names)) == len(names) for names in plan.POSTFIX_MACROS.values())
