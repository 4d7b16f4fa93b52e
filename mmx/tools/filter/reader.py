"""Scripts of `mmx filter` from YAML, read as strictly as settings: every mistake at once, with its line.

    script    = {negotiate: NEGOTIATE, rules: [RULE, ...]}
    NEGOTIATE = {version: N, actions: BITS, steps: BITS, macros: {STAGE: [MACRO, ...]}, beyond_offer: yes|no}
    BITS      = [NAME, ...] | all | none              names of the protocol, without SMFIF_ and SMFIP_
    RULE      = {at: EVENT | [EVENT, ...], when: WHEN, do: STEPS}
    WHEN      = {client, helo, sender, recipient, word: GLOBS, header: {NAME: GLOBS},
                 session, message, nth: N | [N, ...]}               all must hold
    STEPS     = STEP | [STEP, ...]
    STEP      = WORD | {WORD: VALUE, ...}             the entries of a map in their order

The words of steps are in mmx.tools.filter.steps. What a script does not say about actions and steps follows
from what its rules need.
"""

from functools import partial
from pathlib import Path
from typing import Final

from mmx.core.patterns import Patterns
from mmx.errors import Problem, SettingsError
from mmx.settings import values
from mmx.settings.document import LARGEST_FILE, Items, Node, Table, describe, read_document
from mmx.settings.files import read_file
from mmx.settings.section import Findings, Section
from mmx.settings.values import Reader, collect, did_you_mean, integer, one_or_list_of, refusal
from mmx.tools.filter.script import (
    CLIENT,
    EVENTS,
    HEADER,
    HELO,
    IN_MESSAGE,
    KNOWN_FROM,
    RECIPIENT,
    SENDER,
    SEVERAL,
    WORD,
    Match,
    Negotiation,
    Rule,
    Say,
    SayHeader,
    Script,
    Step,
)
from mmx.tools.filter.steps import steps_reader
from mmx.wire import option, reply
from mmx.wire.framing import CODE

MOST_RULES: Final = 1000
STAGES: Final = ("connect", "helo", "mail", "rcpt", "data", "eom", "eoh")
"""The stages of macro lists, by their numbers."""

_UINT32: Final = (1 << 32) - 1
_COUNTS: Final = one_or_list_of(integer(1, 1_000_000_000))
_GLOBS: Final = one_or_list_of(values.text)
_EVENT_WORDS: Final = {code: word for word, code in EVENTS.items()}
_NO_EVENTS: Final[frozenset[int]] = frozenset()
_NO_STEPS: Final[tuple[Step, ...]] = ()
_NO_MATCHES: Final[tuple[Match, ...]] = ()
_ORDER: Final = tuple(EVENTS.values())


def read_script(path: Path) -> tuple[Script, tuple[Problem, ...]]:
    """The script in a file, and what to warn of. Raises SettingsError with everything that is wrong."""
    findings = Findings(str(path))
    try:
        data = read_file(path, LARGEST_FILE, findings)
    except OSError as error:
        told = f"cannot read it: {error.strerror or error}"
        raise SettingsError([Problem(str(path), None, "", "", told, "name a file with a script")]) from None
    return parse_script(data, findings)


def parse_script(data: bytes, findings: Findings) -> tuple[Script, tuple[Problem, ...]]:
    """The same from its text; `findings` names the file."""
    table, problems = read_document(findings.file, data)
    findings.problems += problems
    root = Section(table, "", findings)
    rules = _rules(root, findings)
    negotiation = _negotiation(root.section("negotiate"), rules, findings)
    root.finish()
    if findings.problems:
        raise SettingsError(sorted(findings.problems, key=lambda problem: problem.line or 0))
    return Script(negotiation, rules), tuple(findings.warnings)


# What is negotiated.


def _negotiation(section: Section, rules: tuple[Rule, ...], findings: Findings) -> Negotiation:
    steps = [step for rule in rules for step in rule.steps]
    actions, protocol = _actions_needed(steps), _protocol_needed(steps)
    made = Negotiation(
        section.take("version", integer(0, _UINT32), option.VERSION),
        section.take("actions", _bits(option.ACTION_NAMES), actions),
        section.take("steps", _bits(option.PROTOCOL_NAMES), protocol),
        section.take("macros", _macros, {}),
        section.take("beyond_offer", values.boolean, default=False),
    )
    section.finish()
    for key, lacking, names in (
        ("actions", actions & ~made.actions, option.ACTION_NAMES),
        ("steps", protocol & ~made.steps, option.PROTOCOL_NAMES),
    ):
        if lacking:
            needed = ", ".join(name for bit, name in enumerate(names) if lacking >> bit & 1)
            findings.warn(section.key(key), "", f"the rules need {needed}, which is not negotiated")
    return made


def _actions_needed(steps: list[Step]) -> int:
    codes = [step.frame[CODE] for step in steps if isinstance(step, Say)]
    codes += [step.code for step in steps if isinstance(step, SayHeader)]
    needed = 0
    for code in codes:
        needed |= option.ACTION_OF_EDIT.get(code, 0)
    return needed


def _protocol_needed(steps: list[Step]) -> int:
    skips = any(isinstance(step, Say) and step.frame[CODE] == reply.SKIP for step in steps)
    return option.SKIP if skips else 0


def _bits(names: tuple[str, ...]) -> Reader[int]:
    words = {"all": (1 << len(names)) - 1, "none": 0}

    def bit(node: Node) -> int:
        word = values.text(node)
        if word not in names:
            raise refusal(node, "unknown name", did_you_mean(word, names))
        return 1 << names.index(word)

    def read(node: Node) -> int:
        if isinstance(node, Items):
            return sum(set(values.list_of(bit)(node)))
        word = values.text(node)
        if word not in words:
            raise refusal(node, "a list of names is wanted here", "write [NAME, ...], all or none")
        return words[word]

    return read


def _macros(node: Node) -> dict[int, tuple[bytes, ...]]:
    def read_one(stage: str, names: Node) -> tuple[int, tuple[bytes, ...]]:
        if stage not in STAGES:
            raise refusal(names, "unknown stage", did_you_mean(stage, STAGES))
        return STAGES.index(stage), tuple(name.encode() for name in values.list_of(values.macro)(names))

    if not isinstance(node, Table):
        raise refusal(node, "a map is wanted here", "write {STAGE: [MACRO, ...]}")
    return dict(collect((stage, partial(read_one, stage), names) for stage, names in node.entries.items()))


# Rules.


def _rules(root: Section, findings: Findings) -> tuple[Rule, ...]:
    node = root.node("rules")
    if node is None:
        return ()
    if not isinstance(node, Items) or len(node.items) > MOST_RULES:
        wanted = f"a list of at most {MOST_RULES} rules is wanted here"
        findings.refuse("rules", describe(node), wanted, "write them one by one behind dashes")
        return ()
    return tuple(_rule(item, number, findings) for number, item in enumerate(node.items, 1))


def _rule(node: Node, number: int, findings: Findings) -> Rule:
    key = f"rules.{number}"
    findings.places[key] = node.place
    nothing = Rule(number, node.place.line, frozenset(), ())
    if not isinstance(node, Table):
        findings.refuse(key, describe(node), "a map is wanted here", "write {at: EVENT, do: STEPS}")
        return nothing
    section = Section(node, key, findings)
    events = section.take("at", _events, _NO_EVENTS)
    missing = [name for name in ("at", "do") if name not in node.entries]
    for name in missing:
        findings.refuse(key, "", f"{name} is missing", "write at: EVENT and do: STEPS")
    steps = section.take("do", steps_reader(events), _NO_STEPS)
    when = section.section("when")
    made = Rule(number, node.place.line, events, steps, *_when(when, events))
    when.finish()
    section.finish()
    return made


def _events(node: Node) -> frozenset[int]:
    return frozenset(one_or_list_of(_event)(node))


def _event(node: Node) -> int:
    word = values.text(node)
    if word not in EVENTS:
        raise refusal(node, "unknown event", did_you_mean(word, EVENTS))
    return EVENTS[word]


def _when(
    section: Section, events: frozenset[int]
) -> tuple[tuple[Match, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    tests = _NO_MATCHES
    for subject in (CLIENT, HELO, SENDER, RECIPIENT, WORD):
        read = _if_possible(subject, _known_at(subject), events, partial(_match, subject))
        tests += section.take(subject, read, _NO_MATCHES)
    read_headers = _if_possible(HEADER, _known_at(HEADER), events, _header_matches)
    tests += section.take(HEADER, read_headers, _NO_MATCHES)
    return (
        tests,
        section.take("session", _COUNTS, ()),
        section.take("message", _if_possible("message", IN_MESSAGE, events, _COUNTS), ()),
        section.take("nth", _if_possible("nth", SEVERAL, events, _COUNTS), ()),
    )


def _known_at(subject: str) -> tuple[int, ...]:
    """The events at which something may be known of a subject."""
    since = _ORDER[_ORDER.index(KNOWN_FROM[subject]) :]
    return since if subject in (CLIENT, HELO) else tuple(code for code in since if code in IN_MESSAGE)


def _if_possible(
    name: str, possible: tuple[int, ...], events: frozenset[int], read: Reader[values.T]
) -> Reader[values.T]:
    """Refuses what can never hold at an event of the rule."""

    def read_if(node: Node) -> values.T:
        never = sorted(_EVENT_WORDS[event] for event in events if event not in possible)
        if never:
            words = ", ".join(_EVENT_WORDS[code] for code in possible)
            raise refusal(node, f"{name} can never hold at {', '.join(never)}", f"it may at {words}")
        return read(node)

    return read_if


def _match(subject: str, node: Node) -> tuple[Match, ...]:
    return (Match(subject, _patterns(_GLOBS(node))),)


def _header_matches(node: Node) -> tuple[Match, ...]:
    if not isinstance(node, Table) or not node.entries:
        raise refusal(node, "a map of headers is wanted here", 'write {NAME: "GLOB"}')
    return collect((name, partial(_header_match, name), globs) for name, globs in node.entries.items())


def _header_match(name: str, node: Node) -> Match:
    return Match(HEADER, _patterns(_GLOBS(node)), name.lower().encode())


def _patterns(globs: tuple[str, ...]) -> Patterns:
    return Patterns(glob.removeprefix("<").removesuffix(">").encode() for glob in globs)
