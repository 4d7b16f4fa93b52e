"""One question to a DNS list, with dnspython (the extra `mmx[dns]`).

A list is asked for the A records of the client's address, written backwards, below its zone: octets for
IPv4, nibbles for IPv6. A name that does not exist, or has no A record, is a "no" that may be kept as long as
the zone says (the minimum of its SOA). Everything else, SERVFAIL, no answer in time, no name server to ask,
is silence with a reason.

dnspython is imported at the first question: who has no DNS lists does not need it.
"""

import asyncio
import importlib.util
import ipaddress
from typing import TYPE_CHECKING, Final, NamedTuple

from mmx.errors import UnavailableError

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver
    from dns.resolver import NXDOMAIN

TRIES: Final = 3
"""How often a name server is asked within the time limit: a datagram may be lost."""

MAX_RECORDS: Final = 64
"""Records of an answer; lists give a handful."""

_REVERSED_LABELS: Final = 2
"""Labels that `reverse_pointer` puts behind the address: in-addr.arpa, ip6.arpa."""

_PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8"),
        *("169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("::/127", "fc00::/7", "fe80::/10"),
    )
)
"""Addresses that no list can know."""


class Answer(NamedTuple):
    """What a list said: four octets for each A record (none: not listed), good for `ttl` seconds."""

    addresses: tuple[bytes, ...]
    ttl: float


class Silence(NamedTuple):
    """A list said nothing that counts."""

    reason: str


def require_dnspython() -> None:
    """Raise UnavailableError if dnspython is not installed."""
    if importlib.util.find_spec("dns") is None:
        raise UnavailableError(
            "a condition asks DNS lists, and that needs dnspython, which is not installed: run "
            "apt-get install python3-dnspython, or pip install 'mmx[dns]' in the environment of mmx"
        )


def question_of(address: str) -> str | None:
    """The client's address as it stands in the question; None if no list can know it.

    Raises ValueError for what is no address. An IPv4 address inside IPv6 is asked as IPv4.
    """
    client = ipaddress.ip_address(address.removeprefix("IPv6:").partition("%")[0])
    if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped is not None:
        client = client.ipv4_mapped
    if any(client in network for network in _PRIVATE):
        return None
    return client.reverse_pointer.rsplit(".", _REVERSED_LABELS)[0]


def system_resolver() -> "Resolver":
    """A resolver that asks the name servers of /etc/resolv.conf."""
    from dns.asyncresolver import Resolver  # noqa: PLC0415 - optional

    return Resolver()


async def ask(resolver: "Resolver", name: str, within: float) -> Answer | Silence:
    """The A records of `name`; never raises but for a fault of mmx."""
    import dns.exception  # noqa: PLC0415 - optional
    import dns.resolver  # noqa: PLC0415 - optional

    resolver.timeout = within / TRIES
    try:
        async with asyncio.timeout(within):
            found = await resolver.resolve(
                name + ".", "A", raise_on_no_answer=False, search=False, lifetime=within
            )
    except dns.resolver.NXDOMAIN as error:
        return Answer((), _negative_ttl(error))
    except (TimeoutError, dns.exception.Timeout):
        return Silence(f"no answer within {within:g} s")
    except (dns.exception.DNSException, OSError) as error:
        return Silence(str(error) or type(error).__name__)
    ttl = found.chaining_result.minimum_ttl
    if found.rrset is None:
        return Answer((), ttl)
    if len(found.rrset) > MAX_RECORDS:
        return Silence(f"{len(found.rrset)} records are no answer of a list")
    return Answer(tuple(ipaddress.IPv4Address(record.address).packed for record in found.rrset), ttl)


def _negative_ttl(error: "NXDOMAIN") -> float:
    """How long the zone lets "no such name" be kept."""
    responses = error.kwargs["responses"].values()
    return min((response.resolve_chaining().minimum_ttl for response in responses), default=0)
