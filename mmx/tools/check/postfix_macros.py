"""The checks of the macros that Postfix sends.

A list in main.cf replaces Postfix's own for its stage, and holds wherever mmx asks for no other. mmx asks for
what its children ask for; most milters ask for nothing, and rely on what Postfix sends by itself.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from mmx.aio.main_cf import MACRO_LISTS
from mmx.core.negotiation import bare_name
from mmx.core.plan import POSTFIX_MACROS
from mmx.detect.facts import Failure
from mmx.settings.model import Macros
from mmx.tools.check.finding import Finding, Kind, Level, good
from mmx.tools.check.host import Check, HostView
from mmx.tools.check.postfix_look import Place, PostfixView

MISSING: Final = Kind(
    "postfix.macros-missing",
    Level.WARNING,
    "children that need these macros judge and sign mail wrongly: a list in main.cf replaces Postfix's own",
)
FEWER: Final = Kind(
    "postfix.macros-fewer", Level.NOTE, "Postfix's own list has them, and some milters use them"
)
VERSION: Final = Kind(
    "postfix.version-macro",
    Level.WARNING,
    "mmx does not know that it speaks to Postfix, and ends what takes longer than 25 s",
)
OTHERWISE: Final = Kind(
    "postfix.macros-otherwise",
    Level.WARNING,
    "mmx takes it that Postfix sends them, so it does not ask for them, and no child gets them",
)

_NEEDED: Final = frozenset(
    {"v", "i", "_", "{daemon_name}", "{auth_type}", "{auth_authen}", "{mail_addr}", "{rcpt_addr}"}
)
"""What mmx itself, its conditions, or milters that it knows decide by."""
_SETTINGS: Final = dict(
    zip(
        MACRO_LISTS,
        ("connect", "helo", "mail", "rcpt", "data", "end_of_header", "end_of_message"),
        strict=True,
    )
)
"""The key of mta_macros for each parameter."""


def lists(view: HostView) -> Iterator[Finding]:
    """Each list, against Postfix's own and against what the settings of mmx say of it."""
    if isinstance(view.postfix, Failure):
        return
    found = [
        finding
        for parameter in MACRO_LISTS
        for place in view.postfix.places(parameter, "smtpd", "cleanup")
        for finding in _faults(place, view.settings.mta_macros, view.postfix)
    ]
    yield from found or [good("postfix", "milter_*_macros", "every list has what Postfix's own has")]


def _faults(place: Place, told: Macros, postfix: PostfixView) -> Iterator[Finding]:
    sent = {bare_name(word.encode()) for word in re.split(r"[\s,]+", place.full)}
    own = POSTFIX_MACROS[MACRO_LISTS[place.parameter]]
    key = _SETTINGS[place.parameter]
    names: Sequence[str] = getattr(told, key) or ()
    missing = [name.decode() for name in own if bare_name(name) not in sent]
    beyond = [name for name in names if bare_name(name.encode()) not in sent and name not in missing]
    whole = " ".join([*place.full.replace(",", " ").split(), *missing, *beyond])
    if missing:
        kind = MISSING if _NEEDED & set(missing) else FEWER
        yield kind.at(str(place), f"without {', '.join(missing)}", *postfix.set(place, whole))
    if beyond:
        seen = f"without {', '.join(beyond)}, which mta_macros.{key} of mmx has"
        yield OTHERWISE.at(str(place), seen, *postfix.set(place, whole))


def version(view: HostView) -> Iterator[Finding]:
    """Whether mmx can tell that it is Postfix that speaks."""
    if isinstance(view.postfix, Failure):
        return
    told = view.postfix.value("milter_macro_v")
    if told.startswith("Postfix"):
        yield good("postfix", "milter_macro_v", told)
        return
    commands = view.postfix.unset("milter_macro_v")
    if not view.postfix.value("mail_name").startswith("Postfix"):
        place = Place("milter_macro_v", "", None, told, ())
        commands = view.postfix.set(place, "Postfix $mail_version")
    yield VERSION.at("main.cf: milter_macro_v", f"`{told}`", *commands)


CHECKS: Final = (Check((MISSING, FEWER, OTHERWISE), lists), Check((VERSION,), version))
