"""What conditions over long lists cost a session: 1,000 networks and 10,000 domains, of which none fits.

The condition is asked as a session asks it, at every event from CONNECT to MAIL, as no list that comes
before has the client or the sender. No sockets, no event loop.
"""

import time
from ipaddress import IPv4Address
from typing import Final

from mmx.aio.conditions import NO_NETWORKS, Compiler
from mmx.core.condition import Condition, Facts, Point, Truth, decide
from mmx.settings.model import Condition as ConditionSettings
from mmx.settings.model import Settings
from mmx.wire.payload import Connection
from tests.bench.errors import BenchError
from tests.bench.plan import Plan
from tests.bench.table import Row, row

NETWORKS: Final = 1_000
DOMAINS: Final = 10_000
CLIENTS: Final = (
    Connection(b"mail.sales.example.com", b"4", 25, b"203.0.113.7"),
    Connection(b"unknown", b"6", 25, b"2001:db8::25"),
)


def conditions(plan: Plan) -> list[Row]:
    """CPU time a session, in microseconds."""
    condition = long_lists()
    found = []
    for name, client in (("IPv4", CLIENTS[0]), ("IPv6", CLIENTS[1])):
        values = [_microseconds(condition, client, plan.cpu_messages * 5) for _ in range(plan.rounds)]
        label = f"conditions: {NETWORKS} networks, {DOMAINS} domains, {name}"
        found.append(row(label, values, "us", must=50, aim=25))
    return found


def long_lists() -> Condition:
    """Is it from one of the networks, by one of the names, or of one of the domains?"""
    networks = [f"{IPv4Address((11 << 24) + (number << 12))}/{20 + number % 9}" for number in range(NETWORKS)]
    below = [f".customer{number}.example.net" for number in range(DOMAINS)]
    domains = [f"customer{number}.example.org" for number in range(DOMAINS)]
    lists = ConditionSettings(
        "any",
        parts=(
            ConditionSettings("client", tuple(networks)),
            ConditionSettings("client_name", tuple(below)),
            ConditionSettings("sender_domain", tuple(domains)),
        ),
    )
    condition = Compiler(Settings(conditions=(("long", lists),)), NO_NETWORKS).when(("long",))
    if condition is None:
        raise BenchError("no condition was made")
    return condition


def session(condition: Condition, client: Connection) -> Truth:
    """Ask it at each event of one session until it is decided, the reason included."""
    facts = Facts(client=client)
    decide(condition, facts)
    facts.point, facts.helo = Point.HELO, client.hostname
    decide(condition, facts)
    facts.point, facts.sender = Point.MAIL, b"<newsletter@news.example.com>"
    return decide(condition, facts)[0]


def _microseconds(condition: Condition, client: Connection, times: int) -> float:
    if session(condition, client) is not Truth.NO:
        raise BenchError("a list has a client that it should not have")
    begin = time.process_time()
    for _ in range(times):
        session(condition, client)
    return (time.process_time() - begin) / times * 1_000_000
