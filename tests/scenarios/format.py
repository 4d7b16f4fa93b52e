"""The scenario file format (README.md): text to model.py's dataclasses, every mistake with file and line."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mmx.core.plan import HEADERS, LOCK_STEP, WHOLE, After
from tests.scenarios import frames, model, words
from tests.scenarios.conditions import parse_when
from tests.scenarios.model import MTA, ChildSpec, Offer, Scenario, Step

STARTS: Final = ("nothing", "negotiated", "connected", "helo", "mail", "rcpt", "data")
ACTIONS: Final = ("accept", "tempfail", "reject", "quarantine", "shutdown")
REPLIES: Final = ("continue", "accept", "tempfail", "reject", "discard")
VERDICTS: Final = ("accept", "tempfail", "reject", "discard", "quarantine")
LIMITS: Final = frozenset(
    {"connect", "command", "content", "message", "progress", "idle", "foreign"}
    | {"edits", "headers", "transcript", "due", "high_water", "frame", "spool"}
)
PIPELINING: Final = (LOCK_STEP, HEADERS, WHOLE)
TRAPS: Final = 62
RULES: Final = {"W": 21, "N": 19, "S": 25, "M": 5, "V": 9, "G": 12, "E": 16, "X": 8, "T": 9, "F": 10, "D": 7}
"""The highest number of each family of rules."""

_PEER_LINE = re.compile(r"([A-Za-z][A-Za-z0-9,-]*)([<>]) +(.*)")
_NAME = re.compile(r"[a-z][a-z0-9-]*\Z")


class FormatError(ValueError):
    """A file that is no scenario; the text begins with file and line."""


def all_files() -> list[Path]:
    """Every scenario file, in a fixed order."""
    return sorted(model.HERE.rglob("*.scenario"))


def load(path: Path) -> Scenario:
    """The scenario in this file."""
    return parse(path.read_text(encoding="utf-8"), path)


def parse(text: str, path: Path) -> Scenario:
    """The scenario that `text` holds; `path` stands in messages."""
    head = _Head()
    body = _Body()
    read: Callable[[int, str], None] = head.read
    for number, line in enumerate(text.splitlines(), 1):
        if line == "---" and read != body.read:
            read = body.read
            body.names = {child.name for child in head.children}
        elif line.strip() and not line.startswith("#"):
            try:
                read(number, line.strip())
            except ValueError as error:
                raise FormatError(f"{path}:{number}: {error}: {line}") from None
    if read != body.read:
        raise FormatError(f"{path}: no line --- between head and steps")
    for missing, wrong in (
        ("title", not head.title),
        ("rules", not head.rules),
        ("a note with the reason for sockets: no", not head.sockets and not head.notes),
        ("the end of a segmentation", body.segmented is not None),
    ):
        if wrong:
            raise FormatError(f"{path}: {missing} is missing")
    return head.scenario(path, body.steps)


def check_rule(text: str) -> None:
    """Refuse a rule that does not exist."""
    if trap := re.fullmatch(r"trap ([0-9]+)", text):
        known = 1 <= int(trap.group(1)) <= TRAPS
    elif rule := re.fullmatch(r"([A-Z])([0-9]+)", text):
        known = 1 <= int(rule.group(2)) <= RULES.get(rule.group(1), 0)
    else:
        known = re.fullmatch(r"checklist \S.*", text) is not None
    if not known:
        raise FormatError(f"no such rule or trap: {text!r}")


def _yes(value: str) -> bool:
    return _choice(value, ("yes", "no")) == "yes"


def _choice(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise FormatError(f"{value!r} where one of {', '.join(allowed)} is due")
    return value


def _options(text: str) -> list[tuple[str, str]]:
    """`name=value` words as pairs; a word alone has the value ""."""
    pairs = []
    for word in words.split(text):
        assert isinstance(word, bytes)
        name, _, value = word.decode().partition("=")
        pairs.append((name, value))
    return pairs


@dataclass
class _Head:
    """The lines before `---`, as they are read."""

    title: str = ""
    rules: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    children: tuple[ChildSpec, ...] = ()
    start: str = "helo"
    mta: Offer = field(default_factory=Offer)
    limits: dict[str, float] = field(default_factory=dict)
    macros_shown: bool = False
    handshake_shown: bool = False
    name_in_reply: bool = False
    children_header: str = ""
    sockets: bool = True
    postfix: bool = False

    def read(self, _number: int, line: str) -> None:
        key, colon, value = line.partition(":")
        value = value.strip()
        if not colon:
            raise FormatError("no `key: value`")
        if key.startswith("child "):
            self._child(key.removeprefix("child ").strip(), value)
            return
        readers: dict[str, Callable[[str], None]] = {
            "rules": self._rules,
            "note": self._note,
            "mta": self._mta,
            "limits": self._limits,
        }
        if key in readers:
            readers[key](value)
        else:
            self._plain(key, value)

    def scenario(self, path: Path, steps: list[Step]) -> Scenario:
        return Scenario(path=path, steps=tuple(steps), **vars(self))

    def _plain(self, key: str, value: str) -> None:
        if key in ("title", "children_header"):
            setattr(self, key, value)
        elif key == "start":
            self.start = _choice(value, STARTS)
        elif key in ("macros", "handshake"):
            setattr(self, f"{key}_shown", _choice(value, ("shown", "hidden")) == "shown")
        elif key in ("name_in_reply", "sockets", "postfix"):
            setattr(self, key, _yes(value))
        else:
            raise FormatError(f"unknown key {key!r}")

    def _rules(self, value: str) -> None:
        rules = tuple(rule.strip() for rule in value.split(","))
        for rule in rules:
            check_rule(rule)
        self.rules += rules

    def _note(self, value: str) -> None:
        self.notes += (value,)

    def _mta(self, value: str) -> None:
        for name, text in _options(value):
            if name == "version":
                self.mta = replace(self.mta, version=int(text))
            elif name == "actions":
                self.mta = replace(self.mta, actions=frames.parse_actions(text))
            elif name == "protocol":
                self.mta = replace(self.mta, protocol=frames.parse_protocol(text))
            elif name == "software":
                self.mta = replace(self.mta, software="" if text == "none" else text)
            else:
                raise FormatError(f"unknown option {name!r} of the MTA")

    def _limits(self, value: str) -> None:
        for name, text in _options(value):
            if name not in LIMITS:
                raise FormatError(f"unknown limit {name!r}")
            self.limits[name] = float(text)

    def _child(self, name: str, value: str) -> None:
        if not _NAME.match(name) or any(child.name == name for child in self.children):
            raise FormatError(f"{name!r} is no child's name, or is used twice")
        child = ChildSpec(name)
        for option, text in _options(value):
            child = _with_option(child, option, text)
        self.children += (child,)


def _after(text: str) -> After:
    """`CHILD:WORD|WORD`."""
    name, _, said = text.partition(":")
    return After(name, frozenset(_choice(word, REPLIES) for word in said.split("|")))


def _set_macros(text: str) -> tuple[tuple[bytes, bytes], ...]:
    """`{name}:value;{name}:value`."""
    pairs = [pair.encode().partition(b":") for pair in text.split(";")]
    return tuple((name, value) for name, _, value in pairs)


def _verdicts(text: str) -> tuple[tuple[str, str], ...]:
    """`VERDICT:VERDICT;VERDICT:VERDICT`."""
    pairs = [pair.partition(":") for pair in text.split(";")]
    return tuple((_choice(word, VERDICTS), _choice(instead, VERDICTS)) for word, _, instead in pairs)


def _with_option(child: ChildSpec, name: str, text: str) -> ChildSpec:
    """The child with one more option of its line."""
    if name == "default_action":
        return replace(child, unreachable=_choice(text, ACTIONS), died=_choice(text, ACTIONS))
    if name in ("down", "missing", "deaf", "stalled"):
        return replace(child, reach=name)
    if name in ("unknown", "absent"):
        return replace(
            child, known=child.known and name != "unknown", absent=child.absent or name == "absent"
        )
    if name == "recipients":
        return replace(child, only_matching=_choice(text, ("all", "matching")) == "matching")
    if name == "macros":
        lists = tuple(frames.parse_macro_list(part) for part in text.split(";") if part)
        return replace(child, macros=lists)
    readers: dict[str, Callable[[str], object]] = {
        "version": int,
        "actions": frames.parse_actions,
        "protocol": frames.parse_protocol,
        "content": lambda value: _choice(value, ("edited", "original")),
        "original_always": _yes,
        "pipelining": lambda value: _choice(value, PIPELINING),
        "when": parse_when,
        "after": _after,
        "max_size": int,
        "set_macros": _set_macros,
        "verdicts": _verdicts,
        "unreachable": lambda value: _choice(value, ACTIONS),
        "died": lambda value: _choice(value, ACTIONS),
    }
    if name not in readers:
        raise FormatError(f"unknown option {name!r} of a child")
    changed: dict[str, Any] = {name: readers[name](text)}
    return replace(child, **changed)


@dataclass
class _Body:
    """The lines behind `---`, as they are read."""

    names: set[str] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    segmented: str | None = None

    def read(self, number: int, line: str) -> None:
        first, _, rest = line.partition(" ")
        if match := _PEER_LINE.match(line):
            self._peers(number, line, *match.groups())
        elif first == "wait":
            self.steps.append(model.Wait(number, line, float(rest)))
        elif first == "reload":
            names = tuple(rest.split())
            self._known(*names)
            self.steps.append(model.Reload(number, line, names))
        elif line == "end" and self.segmented is not None:
            self.steps.append(model.Segment(number, line, self.segmented, line))
            self.segmented = None
        else:
            raise FormatError("no step")

    def _known(self, *names: str) -> None:
        for name in names:
            if name not in self.names:
                raise FormatError(f"no child {name!r}")

    def _peers(self, number: int, line: str, peers: str, arrow: str, rest: str) -> None:
        from_mmx = (arrow == "<") == (peers == MTA)
        for peer in peers.split(","):
            if peer != MTA:
                self._known(peer)
            step = (
                self._expectation(number, line, peer, rest)
                if from_mmx
                else self._input(number, line, peer, rest)
            )
            self.steps.append(step)

    def _input(self, number: int, line: str, peer: str, rest: str) -> Step:
        if rest == "closes":
            return model.HangUp(number, line, peer)
        if rest in ("bytewise", "together"):
            if self.segmented is not None:
                raise FormatError("a segmentation inside another")
            self.segmented = peer
            return model.Segment(number, line, peer, rest)
        if peer != MTA and rest in ("listens", "stops"):
            return model.Reach(number, line, peer, "up" if rest == "listens" else "down")
        parts = words.split(rest)
        if any(isinstance(part, words.Pattern) for part in parts):
            raise FormatError("a pattern in what a peer sends")
        sent = [part for part in parts if isinstance(part, bytes)]
        return model.Send(number, line, peer, frames.encode(sent, from_mta=peer == MTA))

    def _expectation(self, number: int, line: str, peer: str, rest: str) -> Step:
        if rest == "nothing":
            return model.ExpectNothing(number, line, peer)
        if rest == "closes":
            return model.ExpectClose(number, line, peer)
        parts = tuple(words.split(rest))
        exact = [part for part in parts if isinstance(part, bytes)]
        if exact[:1] == [b"raw"]:
            raise FormatError("raw can only be sent")
        frame = frames.encode(exact, from_mta=peer != MTA) if len(exact) == len(parts) else None
        return model.Expect(number, line, peer, parts, frame)
