"""From the settings to the chain of the core."""

from dataclasses import replace

import pytest

from mmx.aio.conditions import NO_NETWORKS, Compiler, LocalNetworks
from mmx.aio.plan import complaints, make_chain
from mmx.core.condition import Facts, Truth
from mmx.core.plan import POSTFIX_MACROS, ChildPlan
from mmx.core.plan import After as CoreAfter
from mmx.settings.endpoint import parse_endpoint, unknown_endpoint
from mmx.settings.model import (
    Action,
    After,
    ChildSettings,
    Content,
    DefaultAction,
    DnsblSettings,
    Limits,
    Macros,
    Mode,
    Pipelining,
    Recipients,
    Settings,
)
from mmx.wire import option
from mmx.wire.payload import Connection

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
        pipelining=Pipelining.YES,
        when=("remote",),
        max_size=1000,
        macros=(("{x}", "y"),),
        recipients=Recipients.MATCHING,
        verdicts=(("reject", "tempfail"),),
        after=After("a", ("continue", "accept")),
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
            pipelining="yes",
            when=Compiler(Settings(), NO_NETWORKS).when(("remote",)),
            max_size=1000,
            set_macros=((b"{x}", b"y"),),
            only_matching=True,
            verdicts={"reject": "tempfail"},
            after=CoreAfter("a", frozenset({"continue", "accept"})),
        ),
    )


def test_nobody_waits_for_a_child_that_is_not_in_the_chain() -> None:
    child = replace(A, after=After("gone", ("accept",)))
    assert make_chain(Settings(children=(child,))).children[0].after is None


def test_what_conditions_need() -> None:
    settings = Settings(
        children=(replace(A, when=("s25r",)), replace(A, name="off", enabled=False, when=("dnsbl",))),
        trusted_domains=("example.com",),
        dnsbl=DnsblSettings(("a.example",)),
    )
    chain = make_chain(settings)
    assert chain.condition_macros == {option.STAGE_CONNECT: (b"{client_resolve}",)}
    assert chain.dns_lists == ()
    assert chain.trusted_domain is not None
    assert make_chain(replace(settings, children=(replace(A, when=("dnsbl",)),))).dns_lists == ("a.example",)
    assert make_chain(Settings(children=(A,))).trusted_domain is None


def test_networks_that_cannot_be_read_are_complained_of_where_a_condition_needs_them() -> None:
    unread = LocalNetworks(unread=("cidr:/x",))
    remote = Settings(children=(replace(A, when=("not remote",)),))
    (complaint,) = complaints(remote, unread)
    assert complaint.startswith("mynetworks of main.cf: cidr:/x: this cannot be read")
    assert complaints(remote, LocalNetworks()) == ()
    assert complaints(replace(remote, local_networks=()), unread) == ()
    assert complaints(Settings(children=(replace(A, when=("s25r",)),)), unread) == ()


def test_the_networks_of_main_cf_hold_where_the_settings_name_none() -> None:
    settings = Settings(children=(replace(A, when=("local",)),))
    listed = LocalNetworks((("10.0.0.0/8", True),))
    facts = Facts(client=Connection(b"h", b"4", 0, b"10.0.0.1"))
    for told, truth in ((None, Truth.YES), ((), Truth.NO)):
        when = make_chain(replace(settings, local_networks=told), local=listed).children[0].when
        assert when is not None
        assert when.truth(facts, None) is truth


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


def test_who_observes_stands_beside_the_chain() -> None:
    observed = ChildSettings("observed", A.endpoint, mode=Mode.OBSERVE, after=After("a", ("accept",)))
    other = replace(A, name="b")
    chain = make_chain(Settings(children=(A, observed, other)))
    assert [plan.name for plan in chain.children] == ["a", "b"]
    (plan,) = chain.observed
    assert (plan.child.name, plan.behind) == ("observed", frozenset({"a"}))
    assert plan.child.after == CoreAfter("a", frozenset({"accept"}))
