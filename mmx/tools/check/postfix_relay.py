"""The checks against an open relay: who may send mail through this host to anywhere.

A stranger's recipient is refused if smtpd_relay_restrictions or smtpd_recipient_restrictions refuses it:
Postfix asks both. Each list is read from the left, as for a client that is in no table and has not logged in:
`permit` lets it through, a rejection that no condition precedes ends the matter, and whatever depends on a
table, a login or a network does not fit it. A list that comes to its end lets it through.
"""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Final

from mmx.aio.main_cf import parse_networks
from mmx.detect.facts import Failure
from mmx.tools.check.finding import Finding, Kind, Level, good
from mmx.tools.check.host import Check, HostView
from mmx.tools.check.postfix_look import Place, PostfixView, Service

RELAY: Final = Kind(
    "postfix.open-relay",
    Level.ERROR,
    "anybody can send mail to anywhere through this host, or smtpd refuses to run and no mail comes at all",
)
NETWORKS: Final = Kind(
    "postfix.mynetworks",
    Level.ERROR,
    "clients in mynetworks may send mail to anywhere, and much of the world is",
)
STYLE: Final = Kind(
    "postfix.mynetworks-style",
    Level.WARNING,
    "every host in the networks of this one may send mail to anywhere, those of strangers too",
)

_LISTS: Final = ("smtpd_relay_restrictions", "smtpd_recipient_restrictions")
_REFUSALS: Final = frozenset(
    {"reject_unauth_destination", "defer_unauth_destination", "reject", "defer", "defer_if_permit"}
)
_PERMIT: Final = "permit"
_BUT_WARN: Final = "warn_if_reject"
_USUAL: Final = "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination"
"""Postfix's own smtpd_relay_restrictions."""
_OWN: Final = "127.0.0.0/8 [::1]/128"
_WIDEST: Final = {4: 8, 6: 16}
"""Bits that a prefix of mynetworks has at least."""
_WIDE_STYLES: Final = {"class": Level.WARNING, "subnet": Level.NOTE}


def restrictions(view: HostView) -> Iterator[Finding]:
    """Whether each service refuses to relay for strangers."""
    if isinstance(view.postfix, Failure):
        return
    postfix, closed = view.postfix, []
    told: set[str] = set()
    for service in postfix.services:
        if service.daemon != "smtpd":
            continue
        relay, recipient = (_holding(postfix, name, service) for name in _LISTS)
        if _refuses(relay.full) or _refuses(recipient.full):
            closed.append(service.key)
        elif str(relay) not in told:
            told.add(str(relay))
            seen = f"`{relay.full}` refuses no stranger, and neither does {recipient}, `{recipient.full}`"
            yield RELAY.at(str(relay), seen, *postfix.set(relay, closed_list(relay.full)))
    if closed:
        yield good("postfix", "relay restrictions", f"no stranger may relay by {', '.join(closed)}")


def _holding(postfix: PostfixView, parameter: str, service: Service) -> Place:
    """The place whose value holds for a service."""
    return next(place for place in postfix.places(parameter, "smtpd") if service in place.services)


def _words(value: str) -> list[str]:
    return re.sub(r"[{},]", " ", value).split()


def _deciding(words: Sequence[str]) -> int:
    """Where a list ends for a stranger: at a refusal or a permit without a condition, else behind it."""
    for place, word in enumerate(words):
        if word == _PERMIT or (word in _REFUSALS and words[place - 1 : place] != [_BUT_WARN]):
            return place
    return len(words)


def _refuses(value: str) -> bool:
    words = _words(value)
    return words[_deciding(words) : _deciding(words) + 1] not in ([], [_PERMIT])


def closed_list(value: str) -> str:
    """The list with a refusal where it would have let a stranger through; Postfix's own if it is empty."""
    words = re.split(r"\s*,\s*|\s+", value.strip()) if value.strip() else []
    if not words:
        return _USUAL
    place = _deciding(words)
    return " ".join([*words[:place], "reject_unauth_destination", *words[place:]])


def networks(view: HostView) -> Iterator[Finding]:
    """Whether mynetworks holds strangers."""
    if isinstance(view.postfix, Failure):
        return
    postfix = view.postfix
    for place in postfix.places("mynetworks", "smtpd"):
        words = place.full.replace(",", " ").split()
        wide = [word for word in words if _is_wide(word)]
        style = postfix.value("mynetworks_style")
        if wide:
            rest = " ".join(word for word in words if word not in wide) or _OWN
            yield NETWORKS.at(str(place), f"it has {', '.join(wide)}", *postfix.set(place, rest))
        elif place.raw is None and style in _WIDE_STYLES:
            subject = "main.cf: mynetworks_style"
            seen = f"`{style}` makes mynetworks `{place.full}`"
            commands = postfix.set(Place("mynetworks_style", "", None, style, ()), "host")
            yield STYLE.at(subject, seen, *commands, level=_WIDE_STYLES[style])
        else:
            yield good("postfix", str(place), place.full or "empty")


def _is_wide(word: str) -> bool:
    (network,) = parse_networks([word]).networks or (("", False),)
    if not network[1]:
        return False
    parsed = ip_network(network[0], strict=False)
    return parsed.prefixlen < _WIDEST[parsed.version]


CHECKS: Final = (Check((RELAY,), restrictions), Check((NETWORKS, STYLE), networks))
