"""From the settings to the chain of the core."""

from dataclasses import replace

import pytest

from mmx.aio.plan import make_chain
from mmx.core.plan import POSTFIX_MACROS, ChildPlan
from mmx.settings.endpoint import parse_endpoint, unknown_endpoint
from mmx.settings.model import (
    Action,
    ChildSettings,
    Content,
    DefaultAction,
    Limits,
    Macros,
    Mode,
    Settings,
)
from mmx.wire import option

A = ChildSettings("a", parse_endpoint("unix:/run/a.sock"))


def test_every_setting_of_a_child_arrives() -> None:
    child = ChildSettings(
        "b",
        parse_endpoint("inet:8891@localhost"),
        content=Content.ORIGINAL,
        default_action=DefaultAction(unreachable=Action.ACCEPT, died=Action.QUARANTINE),
        connect_timeout=1.0,
        command_timeout=2.0,
        content_timeout=3.0,
        pipelining=True,
    )
    assert make_chain(Settings(children=(A, child))).children == (
        ChildPlan("a", "unix:/run/a.sock"),
        ChildPlan(
            name="b",
            endpoint="inet:localhost:8891",
            content="original",
            unreachable="accept",
            died="quarantine",
            connect_timeout=1.0,
            command_timeout=2.0,
            content_timeout=3.0,
            pipelining=True,
        ),
    )


def test_who_has_no_say_is_left_out() -> None:
    children = (
        ChildSettings("off", A.endpoint, enabled=False),
        ChildSettings("observed", A.endpoint, mode=Mode.OBSERVE),
        A,
    )
    assert [plan.name for plan in make_chain(Settings(children=children)).children] == ["a"]


def test_limits() -> None:
    limits = Limits(
        message_timeout=1.0,
        idle_timeout=2.0,
        progress_interval=3.0,
        foreign_event_timeout=4.0,
        max_edits=5,
        output_high_water=6,
    )
    made = make_chain(Settings(limits=limits)).limits
    assert (made.message_timeout, made.idle_timeout, made.progress_interval) == (1.0, 2.0, 3.0)
    assert (made.foreign_event_timeout, made.max_edits, made.output_high_water) == (4.0, 5, 6)


def test_macros() -> None:
    assert dict(make_chain(Settings()).base_macros) == dict(POSTFIX_MACROS)
    told = make_chain(Settings(mta_macros=Macros(connect=("j", "{x}"), end_of_header=()))).base_macros
    assert told[option.STAGE_CONNECT] == (b"j", b"{x}")
    assert told[option.STAGE_EOH] == ()
    assert told[option.STAGE_MAIL] == POSTFIX_MACROS[option.STAGE_MAIL]


def test_name_in_reply() -> None:
    assert not make_chain(Settings()).name_in_reply
    assert make_chain(Settings(name_in_reply=True)).name_in_reply


def test_children_header() -> None:
    assert make_chain(Settings()).children_header == b""
    assert make_chain(Settings(children_header="X-Mmx-Children")).children_header == b"X-Mmx-Children"


@pytest.mark.parametrize(
    ("content", "planned", "always"),
    [
        (Content.EDITED, "edited", True),
        (Content.ORIGINAL, "original", True),
        (Content.ORIGINAL_UNLESS_REPLACED, "original", False),
    ],
)
def test_a_default_of_the_catalog_holds_while_nobody_replaces_the_body(
    content: Content, planned: str, always: bool
) -> None:
    (child,) = make_chain(Settings(children=(replace(A, content=content),))).children
    assert (child.content, child.original_always) == (planned, always)


def test_a_child_whose_socket_is_not_known_is_in_the_chain() -> None:
    down = ChildSettings("a", unknown_endpoint("why"))
    (child,) = make_chain(Settings(children=(down,))).children
    assert child.endpoint == "unknown:why"
