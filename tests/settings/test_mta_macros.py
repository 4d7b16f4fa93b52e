"""What is known of the macros of MTAs."""

import pytest

from mmx.core.plan import POSTFIX_MACROS
from mmx.settings.mta_macros import MTA_MACROS, OF_RECIPIENT, OTHER, mta_macro
from mmx.wire import option

STAGES = {"connect": option.STAGE_CONNECT, "helo": option.STAGE_HELO, "mail": option.STAGE_MAIL}


@pytest.mark.parametrize("stage", STAGES)
def test_what_postfix_sends_by_itself_is_known_at_that_stage(stage: str) -> None:
    names = [name.decode() for name in POSTFIX_MACROS[STAGES[stage]]]
    assert {mta_macro(name).stage for name in names} == {stage}
    assert not [name for name in names if name not in MTA_MACROS]


def test_macros_of_recipients_are_not_among_them() -> None:
    assert not OF_RECIPIENT & MTA_MACROS.keys()
    sent = {name.decode() for name in POSTFIX_MACROS[option.STAGE_RCPT]}
    assert sent - {"i"} == OF_RECIPIENT


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("{auth_authen}", False),
        ("{daemon_name}", False),
        ("{client_addr}", False),
        ("{mail_addr}", True),
        ("{client_ptr}", True),
        ("{client_name}", True),
        ("{cert_subject}", True),
        ("{nobody_knows}", True),
    ],
)
def test_what_the_sender_chooses(name: str, chosen: bool) -> None:
    assert mta_macro(name).chosen is chosen


def test_of_other_macros_the_worst_is_taken_for_granted() -> None:
    assert mta_macro("{nobody_knows}") == OTHER
