"""The same scripted children, listed in Postfix itself and behind mmx, give the same mail.

Compared are the SMTP replies, the sender and recipients of what is delivered, whether it was held, its
headers in order and its body byte for byte, and what every child knew at the end of the message.

MMX_TEST_SCRIPTS  how many scripts are drawn at random, default 200
MMX_TEST_SEED     the seed they are drawn from, default 1
MMX_TEST_SCRIPT   a file with one script as JSON, as a failure prints it: test_replay runs it
MMX_TEST_DIRECT   when 1, Postfix is compared with itself: shows whether a difference comes from these tests
"""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration import cases_edits, cases_sessions, cases_verdicts
from tests.integration.generator import draw
from tests.integration.rig import DIRECT, MMX, Rig, compare, difference
from tests.integration.scripted_child import ChildScript, Reply
from tests.integration.scripts import Script, add, edits, key, message, plain, session
from tests.integration.shrink import shrink

SEED = int(os.environ.get("MMX_TEST_SEED", "1"))
SCRIPTS = int(os.environ.get("MMX_TEST_SCRIPTS", "200"))
SIDES = (DIRECT, DIRECT if os.environ.get("MMX_TEST_DIRECT") == "1" else MMX)
HAND_WRITTEN = {
    script.name: script
    for module in (cases_verdicts, cases_edits, cases_sessions)
    for script in module.cases()
}
FILE = "tests/integration/test_differential.py"


def check(rig: Rig, script: Script, command: str) -> None:
    """Fail with the difference, the script and a smaller script that differs too."""
    found = compare(rig, script, SIDES)
    if not found:
        return
    smaller = shrink(script, lambda candidate: bool(compare(rig, candidate, SIDES)))
    with tempfile.NamedTemporaryFile("w", prefix="mmx-script-", suffix=".json", delete=False) as file:
        file.write(smaller.to_json())
    pytest.fail(
        f"{script.name}: {SIDES[0]} and {SIDES[1]} differ\n{found}\n\nscript: {script.to_json()}\n"
        f"again: {command}\n\nsmaller: {smaller.to_json()}\n{compare(rig, smaller, SIDES)}\n"
        f"again: MMX_TEST_SCRIPT={file.name} pytest {FILE} -k replay\n",
        pytrace=False,
    )


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_hand_written(rig: Rig, name: str) -> None:
    check(rig, HAND_WRITTEN[name], f"pytest '{FILE}::test_hand_written[{name}]'")


@pytest.mark.parametrize("number", range(SCRIPTS))
def test_drawn(rig: Rig, number: int) -> None:
    command = f"MMX_TEST_SEED={SEED} MMX_TEST_SCRIPTS={number + 1} pytest '{FILE}::test_drawn[{number}]'"
    check(rig, draw(SEED, number), command)


if "MMX_TEST_SCRIPT" in os.environ:

    def test_replay(rig: Rig) -> None:
        path = Path(os.environ["MMX_TEST_SCRIPT"])
        check(rig, Script.from_json(path.read_text()), f"MMX_TEST_SCRIPT={path} pytest {FILE} -k replay")


def test_no_name_twice() -> None:
    count = sum(1 for module in (cases_verdicts, cases_edits, cases_sessions) for _ in module.cases())
    assert count == len(HAND_WRITTEN)


@pytest.mark.parametrize("number", range(0, SCRIPTS, 10))
def test_postfix_agrees_with_itself(rig: Rig, number: int) -> None:
    assert compare(rig, draw(SEED, number), (DIRECT, DIRECT)) == ""


def test_a_script_survives_json() -> None:
    for script in (*HAND_WRITTEN.values(), *(draw(SEED, number) for number in range(50))):
        assert Script.from_json(script.to_json()) == script


TAGGED = Script("tagged", (ChildScript(replies={key("eom"): edits(add("X-A", "a"))}),), session(message()))
ALTERED: dict[str, dict[str, Reply]] = {
    "verdict": {key("eom"): plain("r")},
    "reply text": {key("rcpt"): (("y", "550 5.7.1 other\0"),)},
    "header value": {key("eom"): edits(add("X-A", "b"))},
    "header order": {key("eom"): edits(("i", "\0\0\0\1X-A\0a\0"))},
    "body": {key("eom"): edits(add("X-A", "a"), ("b", "hello\r\n\r\n"))},
    "sender": {key("eom"): edits(add("X-A", "a"), ("e", "<x@sender.test>\0"))},
    "recipient": {key("eom"): edits(add("X-A", "a"), ("+", "<x@rcpt.test>\0"))},
    "hold": {key("eom"): edits(add("X-A", "a"), ("q", "why\0"))},
    "discard": {key("eom"): plain("d")},
}


@pytest.mark.parametrize("what", ALTERED)
def test_a_difference_is_reported(rig: Rig, what: str) -> None:
    altered = replace(TAGGED, children=(replace(TAGGED.children[0], replies=ALTERED[what]),))
    assert difference(rig.run(TAGGED, DIRECT), rig.run(altered, DIRECT)) != ""


def test_a_childs_different_view_is_reported(rig: Rig) -> None:
    seeing = replace(TAGGED, children=(ChildScript(), ChildScript()))
    tagged = replace(
        TAGGED,
        children=(
            ChildScript(replies={"eom": edits(add("X-A", "a"), ("m", "\0\0\0\1X-A\0\0"))}),
            ChildScript(protocol=1 << 20),
        ),
    )
    found = difference(rig.run(seeing, DIRECT), rig.run(tagged, DIRECT))
    assert "child b" in found
    assert "message 1" not in found


def test_a_failing_script_is_made_smaller(rig: Rig) -> None:
    script = draw(SEED, 3)
    smaller = shrink(script, lambda candidate: any("QUIT" in step for step in candidate.steps))
    assert smaller.steps == tuple(step for step in script.steps if step in ("QUIT", "RSET"))
    assert smaller.children == (ChildScript(),)
