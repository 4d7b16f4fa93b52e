"""The checks of smtpd_milters and non_smtpd_milters, in main.cf and of each service of master.cf.

The command that mends a list sets it to what it should be as a whole: mmx where mmx should be, none of its
children, nothing twice, and everything else as it is. So all findings of one list have the same command.
"""

from collections.abc import Iterator
from typing import Final

from mmx.detect.facts import Failure
from mmx.tools.check.finding import Finding, Kind, Level, good
from mmx.tools.check.host import Check, HostView
from mmx.tools.check.postfix_entry import PUBLIC, Ears, Entry, ears, entries, is_local, joined, lists
from mmx.tools.check.postfix_look import Place, PostfixView

MISSING: Final = Kind(
    "postfix.entry-missing", Level.ERROR, "mail that comes this way passes none of the children of mmx"
)
LOCAL: Final = Kind(
    "postfix.local-mail", Level.NOTE, "mail of sendmail(1), as of cron and web programs, passes no milter"
)
PATH: Final = Kind(
    "postfix.entry-path", Level.ERROR, "Postfix finds no mmx there and does what milter_default_action says"
)
CHROOT: Final = Kind(
    "postfix.outside-chroot", Level.ERROR, "a service in the chroot sees no path outside the queue directory"
)
TWICE: Final = Kind("postfix.listed-twice", Level.WARNING, "it sees all mail twice, and may edit it twice")
CHILD: Final = Kind("postfix.child-beside", Level.WARNING, "mmx asks it too, so it sees all mail twice")
NO_SMTPD: Final = Kind(
    "postfix.no-smtpd", Level.NOTE, "no mail comes by SMTP, so mmx sees local mail at most"
)

_OTHER_LIST: Final = frozenset({"$smtpd_milters", "${smtpd_milters}"})


def every_list(view: HostView) -> Iterator[Finding]:
    """All lists."""
    if isinstance(view.postfix, Failure):
        return
    postfix, heard = view.postfix, ears(view, view.postfix)
    if not any(service.daemon == "smtpd" for service in postfix.services):
        yield NO_SMTPD.at("master.cf", "no service runs smtpd")
    for place in lists(postfix):
        yield from list(_faults(place, heard, postfix)) or [_praise(place, heard)]


def _praise(place: Place, heard: Ears) -> Finding:
    if not entries(place.full):
        return good("postfix", str(place), "empty, as for mail that comes back from a content filter")
    others = [str(entry) for entry in entries(place.full) if not heard.is_mmx(entry, place.services)]
    beside = f", and beside mmx {', '.join(others)}" if others else ""
    return good("postfix", str(place), f"mmx at {heard.right}{beside}")


def _faults(place: Place, heard: Ears, postfix: PostfixView) -> Iterator[Finding]:
    listed = entries(place.full)
    mends = postfix.set(place, joined(_mended(place, heard)))
    yield from _paths(place, heard, postfix, mends)
    if place.raw in _OTHER_LIST:
        return
    if not any(heard.is_mmx(entry, place.services) for entry in listed):
        barred = any(reached.error for reached in postfix.reached.values())
        yield from _missing(place, mends, "; mend first what keeps Postfix from mmx" if barred else "")
        return
    told = set()
    for entry in listed:
        name = heard.child(entry, place.services)
        meant = entry.meant(place.services[0], heard.queue) or entry.endpoint
        if name:
            yield CHILD.at(str(place), f"{entry.endpoint} is the child {name} of mmx", *mends)
        elif meant in told:
            yield TWICE.at(str(place), f"{entry.endpoint} stands there twice", *mends)
        told.add(meant)


def _missing(place: Place, mends: tuple[str, ...], first: str) -> Iterator[Finding]:
    seen = f"mmx is not in `{place.full}`" if place.full else "empty"
    if place.parameter == "non_smtpd_milters":
        yield LOCAL.at(str(place), seen + first, *mends)
        return
    services = [service for service in place.services if not is_local(service)]
    if not services and not place.full:
        return
    is_public = any(service.name in PUBLIC for service in services)
    by = ", ".join(service.key for service in place.services)
    level = Level.ERROR if not place.override else Level.WARNING if is_public else Level.NOTE
    yield MISSING.at(str(place), f"{seen}; it holds for {by}{first}", *mends, level=level)


def _paths(place: Place, heard: Ears, postfix: PostfixView, mends: tuple[str, ...]) -> Iterator[Finding]:
    """Entries that are meant to be mmx and lead elsewhere."""
    right = Entry(heard.right)
    walled = [service for service in place.services if not heard.hears(right, service)]
    for entry in entries(place.full):
        astray = [service for service in place.services if not heard.hears(entry, service)]
        if not (astray and heard.is_mmx(entry, place.services)):
            continue
        if walled:
            commands = [line for service in walled for line in postfix.dechroot(service)[:1]]
            named = ", ".join(service.key for service in walled)
            seen = f"mmx listens at {heard.right}, and to {named} everything outside {heard.queue} is hidden"
            yield CHROOT.at(str(place), seen, *commands, *mends)
        else:
            meant = entry.meant(astray[0], heard.queue) or "no endpoint"
            where = " in the chroot" if astray[0].chroot else ""
            listens = ", ".join(map(str, heard.mmx))
            seen = f"{entry.endpoint} is {meant} to {astray[0].key}{where}, and mmx listens at {listens}"
            yield PATH.at(str(place), seen, *mends)


def _mended(place: Place, heard: Ears) -> list[Entry]:
    kept: list[Entry] = []
    places = []
    for entry in entries(place.full):
        is_mmx = heard.is_mmx(entry, place.services)
        better = Entry(heard.right, entry.options) if is_mmx else entry
        meant = better.meant(place.services[0], heard.queue) or better.endpoint
        if meant not in places and (is_mmx or not heard.child(entry, place.services)):
            kept.append(better)
            places.append(meant)
    if not any(entry.endpoint == heard.right for entry in kept):
        kept.insert(0, Entry(heard.right))
    return kept


CHECKS: Final = (Check((NO_SMTPD, MISSING, LOCAL, PATH, CHROOT, TWICE, CHILD), every_list),)
