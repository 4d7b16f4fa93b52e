from dataclasses import replace

import pytest

from mmx.aio.http import Request
from mmx.aio.readiness import Standing, healthy, is_required, obstacles, ready_page
from mmx.core.plan import ACCEPT, DEFAULT_ACTIONS, ChildPlan

GOOD = Standing(listening=True, settings_good=True, stopping=False)
SIGNER = ChildPlan("opendkim", unreachable="tempfail")
SCANNER = ChildPlan("clamav", unreachable="accept")


def test_nothing_is_in_the_way() -> None:
    assert obstacles(GOOD) == []
    assert ready_page(lambda: GOOD)(Request("/-/ready")).status == 200


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (replace(GOOD, listening=False), "does not listen"),
        (replace(GOOD, settings_good=False), "reload failed"),
        (replace(GOOD, stopping=True), "stopping"),
        (replace(GOOD, down=((SCANNER, "no"), (SIGNER, "refused"))), "child opendkim is down: refused"),
    ],
)
def test_each_obstacle_is_told(standing: Standing, words: str) -> None:
    (told,) = obstacles(standing)
    assert words in told
    answer = ready_page(lambda: standing)(Request("/-/ready"))
    assert answer.status == 503
    assert told.encode() in answer.body


@pytest.mark.parametrize("action", DEFAULT_ACTIONS)
def test_a_child_without_which_mail_passes_is_not_required(action: str) -> None:
    assert is_required(ChildPlan("a", unreachable=action)) == (action != ACCEPT)


def test_an_answer_is_all_that_health_asks_for() -> None:
    assert healthy(Request("/-/healthy")).status == 200
