"""Children that join late do what they would do if Postfix listed only those that apply.

The scripts of the differential test run once with Postfix itself, which lists just the children of the
script, and once behind an mmx with three children, each of which sees only mail that is marked for it. Where
the mark stands decides when a child joins:

    mail       in the sender: at MAIL
    recipient  in the last recipient: there
    data       in the sender, and in a test of all recipients: at DATA
    header     in a header: in the content
    end        in the sender, and in the size: at end of message
    mixed      one child by a header, one by a recipient, one by the sender

The children that are not marked refuse whatever they are asked. Not drawn are replies to events that come
before a child joins: the refusal of a replay is told at the next event (test_what_a_replay_refuses), and
whoever accepts there would be gone. Compared are replies, fates and what each child knew, as there.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from tests.integration.daemon import Mmx
from tests.integration.generator import draw
from tests.integration.postfix import Smtpd
from tests.integration.rig import CHILDREN, DIRECT, Outcome, Rig, Settings, difference, service
from tests.integration.scripted_child import ChildScript
from tests.integration.scripts import Script, key, message, plain, reply_code, session
from tests.integration.smtp_client import Step
from tests.integration.test_differential import SCRIPTS, SEED

BEFORE: Final[Mapping[str, tuple[str, ...]]] = {
    "mail": ("connect", "helo", "unknown"),
    "recipient": ("connect", "helo", "unknown", "mail", "rcpt"),
    "data": ("connect", "helo", "unknown", "mail", "rcpt"),
    "header": ("connect", "helo", "unknown", "mail", "rcpt", "data"),
    "end": ("connect", "helo", "unknown", "mail", "rcpt", "data"),
    "mixed": ("connect", "helo", "unknown", "mail", "rcpt", "data"),
}
"""Events that a child which joins there is only told of in a replay."""

REFUSES_ALL: Final = ChildScript(
    replies={event: plain("r") for event in ("connect", "helo", "mail", "rcpt", "data", "eom", "unknown")}
)
PLACES: Final = tuple(BEFORE)
AHEAD: Final = dict(zip(PLACES, itertools.cycle(("headers", "yes", "no")), strict=False))
"""The setting `pipelining` of all children of a place."""
SUBSETS: Final = [
    subset for size in (1, 2, 3) for subset in itertools.combinations(range(len(CHILDREN)), size)
]


def _by_sender(name: str) -> dict[str, Any]:
    return {"sender": [f"m*-*{name}*@sender.test"]}


def _by_recipient(name: str) -> dict[str, Any]:
    return {"recipient": [f"marked-*{name}*@rcpt.test"]}


def _by_header(name: str) -> dict[str, Any]:
    return {"header": {"X-Marked": [f"*{name}*"]}}


def condition(place: str, name: str) -> dict[str, Any]:
    """Which mail child `name` sees; the mark is a word of the names of children."""
    return {
        "mail": _by_sender(name),
        "recipient": _by_recipient(name),
        "data": {"all": [_by_sender(name), {"every_recipient": ["*"]}]},
        "header": _by_header(name),
        "end": {"all": [_by_sender(name), {"not": {"size_above": "1GiB"}}]},
        "mixed": {"a": _by_header, "b": _by_recipient, "c": _by_sender}[name](name),
    }[place]


class JoinRig(Rig):
    """A rig with one more mmx for each place, whose three children see only what is marked for them."""

    def __init__(self) -> None:
        super().__init__(Settings(with_mmx=False, protocols=(6,)))

    def _services(self) -> list[Smtpd]:
        options = {"milter_protocol": "6", "milter_default_action": "tempfail"}
        joined = [
            Smtpd(service(place, 3, 6, AHEAD[place]), [f"unix:{self._path(place)}"], options)
            for place in PLACES
        ]
        return [*super()._services(), *joined]

    def _path(self, place: str) -> Path:
        return self.directory / f"joined-{place}"

    def start(self, place: str) -> None:
        """Start the mmx of a place."""
        children = {
            child.path.name: {
                "endpoint": child.endpoint,
                "when": [f"for_{child.path.name}"],
                "pipelining": AHEAD[place],
            }
            for child in self.children
        }
        conditions = {f"for_{name}": condition(place, name) for name in CHILDREN}
        # The marks stand in what the sender chooses, which earns a warning and nothing more.
        self._stack.enter_context(Mmx(self._path(place), children, {"conditions": conditions}))


@pytest.fixture(scope="module")
def join_rig(postfix_package: None) -> Iterator[JoinRig]:
    with JoinRig() as running:
        for place in PLACES:
            running.start(place)
        yield running


def marked(script: Script, subset: tuple[int, ...], place: str) -> Script:
    """The script for the children of `subset`, its mail marked for them, without replies before they join."""
    word = "".join(CHILDREN[index] for index in subset)
    text = script.to_json()
    for number in range(1, 10):
        text = text.replace(f"m{number}@sender.test", f"m{number}-{word}@sender.test")
    renamed = Script.from_json(text)
    children = tuple(
        replace(
            child,
            replies={key: r for key, r in child.replies.items() if key.split()[0] not in BEFORE[place]},
        )
        for child in renamed.children
    )
    steps = tuple(step for one in renamed.steps for step in _marked_step(one, word))
    return replace(renamed, children=children, steps=steps, milter_protocol=6, pipelining="headers")


def _marked_step(step: Step, word: str) -> list[Step]:
    if isinstance(step, str):
        return [step]
    command, text = step
    return [f"RCPT TO:<marked-{word}@rcpt.test>", (command, f"X-Marked: {word}\r\n{text}")]


def run_joined(rig: JoinRig, script: Script, subset: tuple[int, ...], place: str) -> Outcome:
    """Run it behind mmx, the second time: from the first mmx knows what these children negotiate."""
    everybody = [REFUSES_ALL] * len(CHILDREN)
    for index, child in zip(subset, script.children, strict=True):
        everybody[index] = child
    behind = replace(script, children=tuple(everybody), pipelining=AHEAD[place])
    rig.run(behind, place)
    outcome = rig.run(behind, place)
    return replace(outcome, views=tuple(outcome.views[index] for index in subset))


def check(rig: JoinRig, script: Script, subset: tuple[int, ...], place: str) -> None:
    ready = marked(script, subset, place)
    found = difference(rig.run(ready, DIRECT), run_joined(rig, ready, subset, place))
    if found:
        word = "".join(CHILDREN[index] for index in subset)
        pytest.fail(f"{script.name}: {word} joined at {place}\n{found}\n\n{ready.to_json()}", pytrace=False)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", range(0, SCRIPTS, 10))
def test_drawn(join_rig: JoinRig, number: int, place: str) -> None:
    script = draw(SEED, number)
    fitting = [subset for subset in SUBSETS if len(subset) == len(script.children)]
    check(join_rig, script, Random(f"{SEED}/{number}/{place}").choice(fitting), place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("event", ["connect", "helo", "mail", "rcpt", "data"])
def test_what_a_replay_refuses(join_rig: JoinRig, event: str, place: str) -> None:
    """Refused or not is the same; a recipient that a joining child refuses is never delivered to."""
    name = key(event) if event in ("mail", "rcpt", "data") else event
    refusing = ChildScript(replies={name: reply_code("550 5.7.1 no")})
    script = Script(f"refuses at {event}", (refusing,), session(message()))
    ready = marked(script, (1,), "mail")
    child = replace(ready.children[0], replies={name.replace("m1@", "m1-b@"): reply_code("550 5.7.1 no")})
    outcome = run_joined(join_rig, replace(ready, children=(child,)), (1,), place)
    assert outcome.fates == ()
    assert any("no" in reply for reply in outcome.replies if reply.startswith("550"))


@pytest.mark.parametrize("place", PLACES)
def test_whoever_does_not_apply_is_not_asked(join_rig: JoinRig, place: str) -> None:
    script = marked(Script("one", (ChildScript(),), session(message())), (2,), place)
    outcome = run_joined(join_rig, script, (2,), place)
    assert len(outcome.fates) == 1
    for child in join_rig.children[:2]:
        assert child.connections == []
