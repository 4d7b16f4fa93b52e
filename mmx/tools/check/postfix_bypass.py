"""The checks of what has mail pass the lists of milters by, or has it pass them twice."""

from collections.abc import Iterator
from typing import Final

from mmx.detect.facts import Failure
from mmx.tools.check.finding import Finding, Kind, Level, good
from mmx.tools.check.host import Check, HostView
from mmx.tools.check.postfix_entry import PUBLIC, ears, entries, is_local
from mmx.tools.check.postfix_look import Place, PostfixView, Service

MAPS: Final = Kind(
    "postfix.milter-maps", Level.NOTE, "clients in that table have other milters than smtpd_milters, or none"
)
INTERNAL: Final = Kind(
    "postfix.internal-mail", Level.NOTE, "a bounce or notice that a milter refuses is lost without a trace"
)
SWITCHED_OFF: Final = Kind(
    "postfix.no-milters",
    Level.WARNING,
    "the option no_milters switches all milters off for mail that comes this way",
)
AGAIN: Final = Kind(
    "postfix.filtered-again",
    Level.WARNING,
    "mail that comes back from the content filter was at mmx already: it is filtered and signed twice",
)

_NO_MILTERS: Final = "no_milters"


def exceptions(view: HostView) -> Iterator[Finding]:
    """Mail that other parameters let pass by the lists, or bring to them."""
    if isinstance(view.postfix, Failure):
        return
    postfix = view.postfix
    maps = [place for place in postfix.places("smtpd_milter_maps", "smtpd") if place.full]
    for place in maps:
        yield MAPS.at(str(place), f"`{place.full}`", *postfix.set(place, ""))
    if not maps:
        yield good("postfix", "smtpd_milter_maps", "empty: the lists hold for every client")
    internal = postfix.value("internal_mail_filter_classes")
    if internal and postfix.value("non_smtpd_milters"):
        subject = "main.cf: internal_mail_filter_classes"
        yield INTERNAL.at(subject, f"`{internal}` is filtered too", *postfix.unset(subject.split()[1]))


def switched_off(view: HostView) -> Iterator[Finding]:
    """Services whose milters count for nothing."""
    if isinstance(view.postfix, Failure):
        return
    found = [
        (place, words)
        for place in view.postfix.places("receive_override_options", "smtpd")
        if _NO_MILTERS in (words := place.full.replace(",", " ").split())
        and not all(map(is_local, place.services))
    ]
    for place, words in found:
        rest = ",".join(word for word in words if word != _NO_MILTERS)
        by = ", ".join(service.key for service in place.services)
        level = Level.WARNING if any(one.name in PUBLIC for one in place.services) else Level.NOTE
        mends = view.postfix.set(place, rest)
        yield SWITCHED_OFF.at(str(place), f"`{place.full}` holds for {by}", *mends, level=level)
    if not found:
        yield good("postfix", "receive_override_options", "no milter is switched off")


def filtered_again(view: HostView) -> Iterator[Finding]:
    """Services for mail that comes back, with mmx in front of them once more."""
    if isinstance(view.postfix, Failure):
        return
    postfix, heard = view.postfix, ears(view, view.postfix)
    filters = [place.full for place in postfix.places("content_filter", "smtpd", "cleanup") if place.full]
    again = [
        (place, service)
        for place in postfix.places("smtpd_milters", "smtpd")
        for service in place.services
        if filters
        and is_local(service)
        and any(heard.is_mmx(entry, (service,)) for entry in entries(place.full))
        and _NO_MILTERS not in _holding(postfix, service)
    ]
    for place, service in again:
        own = Place(place.parameter, service.key, place.raw, place.full, (service,))
        seen = f"mmx is in front of {service.key}, and content_filter is `{filters[0]}`"
        yield AGAIN.at(f"master.cf: {service.key}/smtpd_milters", seen, *postfix.set(own, ""))
    if not again:
        yield good("postfix", "content_filter", filters[0] if filters else "none")


def _holding(postfix: PostfixView, service: Service) -> str:
    """The value of receive_override_options that holds for a service."""
    places = postfix.places("receive_override_options", "smtpd")
    return next(place.full for place in places if service in place.services)


CHECKS: Final = (
    Check((MAPS, INTERNAL), exceptions),
    Check((SWITCHED_OFF,), switched_off),
    Check((AGAIN,), filtered_again),
)
