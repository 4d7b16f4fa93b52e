"""Makes a failing differential script smaller while it keeps failing.

Greedy: every candidate is the script with one thing less; the first that still fails is the new script. A
RSET is never taken away, since a DATA after a refused one is a deliberate difference (see generator).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.integration.scripted_child import ALL_ACTIONS, ChildScript
from tests.integration.scripts import Script, content

MINIMAL_TEXT = content("x\r\n")
ROUND_LIMIT = 400


def shrink(script: Script, fails: Callable[[Script], bool]) -> Script:
    """The smallest script found that still fails."""
    tries = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in _candidates(script):
            tries += 1
            if tries > ROUND_LIMIT:
                return script
            if fails(candidate):
                script, smaller = candidate, True
                break
    return script


def _candidates(script: Script) -> Iterator[Script]:
    children = script.children
    if len(children) > 1:
        for index in range(len(children)):
            yield replace(script, children=children[:index] + children[index + 1 :])
    for index, step in enumerate(script.steps):
        if step not in ("QUIT", "RSET"):
            yield replace(script, steps=script.steps[:index] + script.steps[index + 1 :])
    for index, child in enumerate(children):
        for smaller in _smaller_children(child):
            yield replace(script, children=(*children[:index], smaller, *children[index + 1 :]))
    for index, step in enumerate(script.steps):
        if not isinstance(step, str) and step[1] != MINIMAL_TEXT:
            steps = (*script.steps[:index], ("DATA", MINIMAL_TEXT), *script.steps[index + 1 :])
            yield replace(script, steps=steps)
    if script.pipelining != "no":
        yield replace(script, pipelining="no")
    if script.milter_protocol != 6:
        yield replace(script, milter_protocol=6)


def _smaller_children(child: ChildScript) -> Iterator[ChildScript]:
    for key, reply in child.replies.items():
        yield replace(child, replies={other: value for other, value in child.replies.items() if other != key})
        for index in range(len(reply) - 1):
            yield replace(child, replies={**child.replies, key: reply[:index] + reply[index + 1 :]})
    if child.macros:
        yield replace(child, macros={})
    if child.protocol:
        yield replace(child, protocol=0)
        for bit in range(21):
            if child.protocol & 1 << bit:
                yield replace(child, protocol=child.protocol & ~(1 << bit))
    if child.actions != ALL_ACTIONS:
        yield replace(child, actions=ALL_ACTIONS)
    if child.version != 6:
        yield replace(child, version=6)
