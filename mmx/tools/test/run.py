"""Playing mails to a milter, and what each comes to: a `Trial`.

All messages of a run go through one session after another, each session with all of them in order. A milter
that is lost ends the run: Postfix would not ask it again in that session either. When the milter is the
running mmx, its children are listened to meanwhile (mmx.tools.test.listen); if that cannot be, it is noted,
and the mail is played all the same.
"""

import asyncio
import os
import pwd
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from mmx.core.action import Loss
from mmx.errors import MmxError, PermissionsError, ProtocolError
from mmx.settings.endpoint import ChildEndpoint
from mmx.tools.mail_file import Message
from mmx.tools.mta.delivery import Delivery, delivered
from mmx.tools.mta.dialogue import Terms
from mmx.tools.mta.link import MilterLostError
from mmx.tools.mta.macros import UNIX, UNKNOWN, Client
from mmx.tools.mta.mta import Mta
from mmx.tools.mta.outcome import Envelope, Outcome
from mmx.tools.test.expect import ERROR
from mmx.tools.test.listen import Ear
from mmx.tools.test.said import Said, said_in
from mmx.wire.payload import Options

Messages = Callable[[], Iterator[tuple[str, Message]]]
"""The messages of one session, each with its name."""


@dataclass(frozen=True, slots=True)
class Target:
    """The milter; `control` is the control socket of the running mmx, if it is that."""

    name: str
    endpoint: ChildEndpoint
    control: str = ""

    def __str__(self) -> str:
        return f"{self.name} at {self.endpoint}"


@dataclass(frozen=True, slots=True)
class Play:
    """What is played."""

    target: Target
    client: Client
    terms: Terms
    envelope: Envelope
    messages: Messages
    unknown: Sequence[bytes] = ()
    """Commands that no MTA knows, said once a session before the first message."""
    sessions: int = 1


@dataclass(slots=True)
class Trial:
    """One message and what became of it. The first of a session has begun when the session did."""

    target: Target
    session: int
    name: str
    envelope: Envelope
    message: Message
    outcome: Outcome
    began: float
    options: Options
    delivery: Delivery | None = None
    said: list[Said] = field(default_factory=list)
    """Of the milter, then of each child of mmx."""
    problems: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """A verdict, or ERROR."""
        return ERROR if self.outcome.loss is not None else self.outcome.verdict

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.outcome.ended - self.began


async def run(play: Play, tell: Callable[[Trial], None]) -> None:
    """Play it all; `tell` is called after each message. Raises MmxError if the milter cannot be reached, or
    does not get as far as a first message.
    """
    for number in range(1, play.sessions + 1):
        if not await _Session(play, number, tell).run():
            return


class _Session:
    """One connection."""

    def __init__(self, play: Play, number: int, tell: Callable[[Trial], None]) -> None:
        self._play = play
        self._number = number
        self._tell = tell
        self._ear: Ear | None = None
        self._replies = 0
        self._said: list[Said] = []
        self._problems: list[str] = []

    async def run(self) -> bool:
        """False if the milter was lost."""
        play = self._play
        await self._listen()
        mta = None
        try:
            began = asyncio.get_running_loop().time()
            mta = await _connect(play)
            await mta.open()
            self._note(mta.opening)
            for line in play.unknown:
                self._note(await mta.unknown(line))
            for name, message in play.messages():
                trial = await self._play_one(mta, name, message, began)
                self._tell(trial)
                if trial.outcome.loss is not None:
                    return False
                began = 0.0
            mta.quit()
        finally:
            if mta is not None:
                mta.close()
            if self._ear is not None:
                await self._ear.close()
        return True

    async def _play_one(self, mta: Mta, name: str, message: Message, began: float) -> Trial:
        play = self._play
        outcome = await mta.deliver(play.envelope, message)
        self._note(outcome)
        began = began or outcome.began
        trial = Trial(play.target, self._number, name, play.envelope, message, outcome, began, mta.options)
        if outcome.passes:
            try:
                trial.delivery = delivered(play.envelope, message, outcome, mta.options.protocol)
            except ProtocolError as error:
                outcome.loss = Loss("frame", f"{play.target} sends an edit that is none: {error}")
        trial.said = [*self._said, *await self._heard()]
        trial.problems = [*self._problems, *outcome.problems]
        self._said, self._problems = [], []
        return trial

    def _note(self, outcome: Outcome) -> None:
        self._said += said_in(outcome, self._play.target.name)
        self._replies += sum(bool(exchange.reply) for exchange in outcome.exchanges)

    async def _listen(self) -> None:
        """Hear the children from now on, if there are any."""
        play = self._play
        if not play.target.control:
            return
        address = play.client.address if play.client.address not in (UNIX, UNKNOWN) else ""
        clock = time.time() - asyncio.get_running_loop().time()
        try:
            self._ear = await Ear.open(play.target.control, address, play.client.connection, clock)
        except MmxError as error:
            self._problems.append(f"what the children say is not known: {error}")

    async def _heard(self) -> list[Said]:
        """What the children said."""
        ear = self._ear
        if ear is None:
            return []
        await ear.settle(self._replies)
        if ear.trouble:
            self._problems.append(f"not all that the children said is known: {ear.trouble}")
        return ear.take()


async def _connect(play: Play) -> Mta:
    target = play.target
    try:
        return await Mta.connect(target.name, target.endpoint, play.client, play.terms)
    except MilterLostError as error:
        if error.loss.reason != "denied":
            raise
        # The daemon's own advice would be about the user that it runs as.
        user = pwd.getpwuid(os.geteuid()).pw_name
        raise PermissionsError(f"{target}: user {user} may not use this socket; try sudo") from None
