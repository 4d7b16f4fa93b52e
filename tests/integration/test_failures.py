"""A child that fails in its only message: its default action gives the same behind mmx as in Postfix itself.

What differs on purpose is left out (see test_differences): failures at CONNECT and HELO, edits before the
failure, and what happens to later messages of the session.
"""

from collections.abc import Iterator

import pytest

from tests.integration.rig import DIRECT, MMX, Rig, Settings, compare
from tests.integration.scripted_child import ChildScript, Reply
from tests.integration.scripts import Script, add, edits, key, message, session

ACTIONS = ("accept", "tempfail", "reject")
EVENTS = {
    "mail": key("mail"),
    "first-rcpt": key("rcpt", "r1@rcpt.test"),
    "last-rcpt": key("rcpt", "r2@rcpt.test"),
    "data": key("data"),
    "header": key("header", "2"),
    "eoh": key("eoh"),
    "body": key("body", "1"),
    "eom": key("eom"),
}
WAYS: dict[str, Reply] = {
    "closes": (("close", ""),),
    "sends-an-unknown-code": (("Z", ""),),
    "sends-data-after-continue": (("c", "x"),),
    "sends-length-0": (("raw", "\0\0\0\0"),),
    "sends-conn-fail": (("f", ""),),
    "sends-half-a-packet-and-closes": (("raw", "\0\0\0\2c"), ("close", "")),
}
TAGGING = ChildScript(replies={"eom": edits(add("X-Tag", "yes"))})
STEPS = session(message(recipients=("r1@rcpt.test", "r2@rcpt.test")))


@pytest.fixture(scope="module", params=ACTIONS)
def failing_rig(request: pytest.FixtureRequest, postfix_package: None) -> Iterator[Rig]:
    with Rig(Settings(protocols=(6,), default_action=request.param)) as running:
        yield running


@pytest.mark.parametrize("place", ["alone", "first", "last"])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_failure(failing_rig: Rig, way: str, event: str, place: str) -> None:
    failing = ChildScript(replies={EVENTS[event]: WAYS[way]})
    children = {"alone": (failing,), "first": (failing, TAGGING), "last": (TAGGING, failing)}[place]
    script = Script(f"{way} at {event}", children, STEPS)
    assert compare(failing_rig, script, (DIRECT, MMX), with_views=False) == ""


@pytest.mark.parametrize("count", [1, 2, 3])
def test_nobody_listens(failing_rig: Rig, count: int) -> None:
    closing = ChildScript(replies={"connect": (("close", ""),)})
    script = Script("nobody listens", (closing,) * count, STEPS)
    direct, mmx = failing_rig.run(script, DIRECT), failing_rig.run(script, MMX)
    assert direct.fates == mmx.fates
    assert direct.replies[2:] == mmx.replies[2:]
