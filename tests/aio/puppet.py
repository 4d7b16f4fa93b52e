"""A session that does what the test says, with its driver and the MTA's end of the link."""

import asyncio
import math
import socket
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

from mmx.aio.child_link import ChildLink
from mmx.aio.dial import Dialling
from mmx.aio.driver import Driver
from mmx.aio.stream import Stream
from mmx.core.action import Loss
from mmx.core.child import Child
from mmx.core.condition import Truth
from mmx.core.plan import ChildPlan
from mmx.core.session import Session
from mmx.settings.endpoint import parse_endpoint
from tests.aio.peers import LIMIT, until


class PuppetSession:
    """A session whose every entry is noted, and answered by the function of that name in `reactions`."""

    def __init__(self, *plans: ChildPlan) -> None:
        self.now = 0.0
        self.deadline = math.inf
        self.mta_out: list[bytes] = []
        self.mta_stalled = False
        self.actions: list[Any] = []
        self.children = [Child(plan) for plan in plans]
        self.finished = False
        self.in_transaction = False
        self.heard: list[tuple[Any, ...]] = []
        self.reactions: dict[str, Callable[..., None]] = {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        def entry(*args: Any) -> None:
            self.heard.append((name, *args))
            if name in self.reactions:
                self.reactions[name](*args)
            if name in ("mta_lost", "stop"):
                self.finished = True

        return entry

    def from_mta(self, *received: bytes) -> None:
        """The frames of one read, each noted by itself."""
        for one in received:
            self.__getattr__("from_mta")(one)

    def from_child(self, child: Child, *received: bytes) -> None:
        """The frames of one read, each noted by itself."""
        for one in received:
            self.__getattr__("from_child")(child, one)

    def names(self) -> list[str]:
        return [name for name, *_ in self.heard]


class Around:
    """Surroundings that dial for real and keep what they are told."""

    fault = "that is the end of it"

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.notes: list[Any] = []
        self.life: list[str] = []
        self.asked: list[tuple[str, Sequence[str], Callable[[str, Truth], None]]] = []

    def make_stream(self, owner: Driver | ChildLink, *, accepted: bool) -> Stream:
        return Stream(owner, limit=LIMIT, high_water=64 * 1024, accepted=accepted, loop=self.loop)

    def dial(self, child: Child, stream: Stream, failed: Callable[[Loss], None]) -> Dialling | Loss:
        endpoint = parse_endpoint(child.plan.endpoint)
        dialling = Dialling(stream, failed, name=child.name, endpoint=endpoint, within=5.0, loop=self.loop)
        return dialling.start() or dialling

    def look_up(self, address: str, lists: Sequence[str], tell: Callable[[str, Truth], None]) -> None:
        self.asked.append((address, lists, tell))

    def began(self, driver: Driver) -> None:
        self.life.append("began")

    def note(self, driver: Driver, note: Any) -> None:
        self.notes.append(note)

    def ended(self, driver: Driver) -> None:
        self.life.append("ended")


class Setup(SimpleNamespace):
    """Session, driver, surroundings, and the MTA's end of the link."""

    session: PuppetSession
    driver: Driver
    around: Around
    mta: socket.socket


async def set_up(*plans: ChildPlan) -> Setup:
    session = PuppetSession(*plans)
    around = Around()
    driver = Driver(cast("Session", session), "1f00c3a7", around, around.loop)
    near, far = socket.socketpair()
    await around.loop.create_unix_connection(lambda: driver.mta, sock=near)
    far.settimeout(5)
    return Setup(session=session, driver=driver, around=around, mta=far)


async def tear_down(setup: Setup) -> None:
    setup.mta.close()
    await until(lambda: "ended" in setup.around.life)
