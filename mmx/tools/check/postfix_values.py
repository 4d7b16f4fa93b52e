"""The checks of the parameters milter_*: action, protocol, time-outs.

They stand in main.cf, in overrides of master.cf, and the first of them also in the braces of an entry; what
stands nearest to the entry holds. Each value is judged where it stands.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mmx.detect.facts import Failure
from mmx.settings.model import Settings
from mmx.tools.check.finding import Finding, Kind, Level, good
from mmx.tools.check.host import Check, HostView
from mmx.tools.check.postfix_entry import Ears, ears, entries, joined, lists
from mmx.tools.check.postfix_look import Place, PostfixView

ACCEPTS: Final = Kind(
    "postfix.default-action-accept",
    Level.WARNING,
    "while mmx does not run, all mail passes without any of its children",
)
REFUSES: Final = Kind(
    "postfix.default-action",
    Level.WARNING,
    "while mmx does not run, good mail is lost or needs somebody's hand; tempfail has clients come again",
)
PROTOCOL: Final = Kind(
    "postfix.protocol",
    Level.WARNING,
    "mmx and its children need protocol 6: with less there are no macro lists and fewer events",
)
TIMEOUT: Final = Kind(
    "postfix.timeout", Level.WARNING, "Postfix gives up on mmx while mmx still works, and defers the mail"
)
_GOOD_ACTIONS: Final = {"tempfail", "shutdown"}
_PREFIX: Final = "milter_"
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIME: Final = re.compile(r"([0-9]+)([smhdw]?)")
_SHORTEST_CONNECT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Value:
    """A value that holds for mmx. `mended` gives the commands that put another in its place."""

    where: str
    text: str
    mended: Callable[[str], Sequence[str]]


def values(parameter: str, postfix: PostfixView, heard: Ears) -> Iterator[Value]:
    """Every value of one of these parameters: of main.cf, of services, of entries of mmx."""
    for place in postfix.places(parameter, "smtpd", "cleanup"):
        yield Value(str(place), place.full, _setter(postfix, place))
    option = parameter.removeprefix(_PREFIX)
    for place in lists(postfix):
        for entry in entries(place.full):
            text = dict(entry.options).get(option)
            if text is not None and heard.is_mmx(entry, place.services):
                yield Value(f"{place}, {option}", text, _entry_setter(postfix, place, option, heard))


def _setter(postfix: PostfixView, place: Place) -> Callable[[str], Sequence[str]]:
    return lambda value: postfix.set(place, value)


def _entry_setter(
    postfix: PostfixView, place: Place, option: str, heard: Ears
) -> Callable[[str], Sequence[str]]:
    def mended(value: str) -> Sequence[str]:
        changed = [
            replace(
                entry, options=tuple((name, value if name == option else old) for name, old in entry.options)
            )
            if heard.is_mmx(entry, place.services)
            else entry
            for entry in entries(place.full)
        ]
        return postfix.set(place, joined(changed))

    return mended


def default_action(view: HostView) -> Iterator[Finding]:
    """What Postfix does without mmx."""
    for value in _values("milter_default_action", view):
        action = value.text.lower()
        if action in _GOOD_ACTIONS:
            yield good("postfix", value.where, value.text)
        else:
            kind = ACCEPTS if action == "accept" else REFUSES
            yield kind.at(value.where, f"`{value.text}`", *value.mended("tempfail"))


def protocol(view: HostView) -> Iterator[Finding]:
    """The version of the protocol."""
    for value in _values("milter_protocol", view):
        if re.split(r"[\s,]+", value.text)[0] == "6":
            yield good("postfix", value.where, value.text)
        else:
            yield PROTOCOL.at(value.where, f"`{value.text}`", *value.mended("6"))


def timeouts(view: HostView) -> Iterator[Finding]:
    """Postfix's patience against what mmx may take."""
    for parameter, (least, reason) in needed(view.settings).items():
        for value in _values(parameter, view):
            told = seconds(value.text)
            if told is not None and told >= least:
                yield good("postfix", value.where, value.text)
            else:
                seen = f"`{value.text}` is less than {least:g} s: {reason}"
                yield TIMEOUT.at(value.where, seen, *value.mended(f"{least:.0f}s"))


def needed(settings: Settings) -> dict[str, tuple[float, str]]:
    """The least seconds of each time-out, and why.

    mmx tells every progress_interval that it is at work, so twice that is enough for a reply; not before
    options are agreed, when a child that mmx has not met yet may take its connect_timeout, nor while a new
    mmx waits for the former one to end.
    """
    interval = 2 * settings.limits.progress_interval
    alive = (interval, "mmx says that it is at work every half of that time (limits.progress_interval)")
    connect = max((child.connect_timeout for child in settings.chain), default=settings.connect_timeout)
    met = (connect + 10, "the connect_timeout of a child, which mmx may not have met yet, and 10 s")
    ended = (settings.limits.drain_timeout + 10, "a restart may take limits.drain_timeout and 10 s")
    return {
        "milter_connect_timeout": (_SHORTEST_CONNECT, "under load connections wait their turn"),
        "milter_command_timeout": max(alive, met, ended),
        "milter_content_timeout": alive,
    }


def seconds(text: str) -> float | None:
    """A time of Postfix; None if it is none."""
    match = _TIME.fullmatch(text.strip())
    return None if match is None else float(match[1]) * _SECONDS[match[2]]


def _values(parameter: str, view: HostView) -> Iterator[Value]:
    if not isinstance(view.postfix, Failure):
        yield from values(parameter, view.postfix, ears(view, view.postfix))


CHECKS: Final = (
    Check((ACCEPTS, REFUSES), default_action),
    Check((PROTOCOL,), protocol),
    Check((TIMEOUT,), timeouts),
)
