"""Shaking hands with children as the user of mmx does, for `mmx check`.

Root does it in a process of its own that becomes that user, with the groups that the daemon has: so the
kernel judges as it judges the daemon, access control lists and security modules included. Anybody else does
it as who he is. All children at the same time, each within its connect_timeout, at most LONGEST; a process
that is not done by then is killed.
"""

import asyncio
import json
import os
import select
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from mmx.aio.access import Account
from mmx.aio.handshake import shake_hands
from mmx.core.action import Loss
from mmx.core.negotiation import Knowledge
from mmx.core.plan import ChildPlan
from mmx.settings.model import KIB
from mmx.tools.check.postfix_reach import become
from mmx.wire.payload import Options

LONGEST: Final = 10.0
"""Seconds that a handshake may take, whatever the settings say."""
_SPARE: Final = 2.0
"""Seconds that the process has beside."""
_MAX_FRAME: Final = 65 * KIB
_LARGEST: Final = 1 << 20
"""Bytes that the process may tell."""
_TURNS: Final = 3
"""Turns of the event loop after which a closed connection is gone."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """How a handshake went: what was negotiated, or the reason why nothing was (as in Loss) and details."""

    seconds: float = 0.0
    options: Options | None = None
    reason: str = ""
    detail: str = ""


def greet(plans: Sequence[ChildPlan], account: Account | None) -> Mapping[str, Greeting]:
    """Shake hands with all, by their names; `account`: become this user, which only root can."""
    limited = [replace(plan, connect_timeout=min(plan.connect_timeout, LONGEST)) for plan in plans]
    if not limited:
        return {}
    if account is None:
        return asyncio.run(_greet_all(limited))
    told = _ask_process(limited, account)
    return {plan.name: told.get(plan.name, _UNTOLD) for plan in limited}


_UNTOLD: Final = Greeting(reason="other", detail="the process that tries it ended too soon")


async def _greet_all(plans: Iterable[ChildPlan]) -> dict[str, Greeting]:
    greetings = await asyncio.gather(*map(_greet, plans))
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    return dict(greetings)


async def _greet(plan: ChildPlan) -> tuple[str, Greeting]:
    began = time.monotonic()
    result = await shake_hands(plan, Knowledge(), max_frame=_MAX_FRAME)
    seconds = time.monotonic() - began
    if isinstance(result, Loss):
        return plan.name, Greeting(seconds, None, result.reason, result.detail)
    return plan.name, Greeting(seconds, result)


def _ask_process(plans: Sequence[ChildPlan], account: Account) -> dict[str, Greeting]:
    output, its_output = os.pipe()
    process = os.fork()
    if process == 0:
        _tell(plans, account, its_output)
    os.close(its_output)
    try:
        limit = max(plan.connect_timeout for plan in plans) + _SPARE
        return _from_json(_read(output, limit))
    finally:
        os.close(output)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _tell(plans: Sequence[ChildPlan], account: Account, output: int) -> None:
    """In the process: never returns."""
    with suppress(BaseException):
        become(account)
        with open(output, "wb") as stream:
            stream.write(_to_json(asyncio.run(_greet_all(plans))))
    os._exit(0)


def _read(descriptor: int, limit: float) -> bytes:
    """Until the other end is closed or the time is up."""
    deadline = time.monotonic() + limit
    data = b""
    while len(data) < _LARGEST:
        ready, _, _ = select.select([descriptor], [], [], max(deadline - time.monotonic(), 0.0))
        part = os.read(descriptor, _LARGEST) if ready else b""
        if not part:
            break
        data += part
    return data


def _to_json(greetings: Mapping[str, Greeting]) -> bytes:
    told = {
        name: {
            "seconds": greeting.seconds,
            "reason": greeting.reason,
            "detail": greeting.detail,
            "options": greeting.options and _plain(greeting.options),
        }
        for name, greeting in greetings.items()
    }
    return json.dumps(told).encode()


def _plain(options: Options) -> list[Any]:
    lists = [[stage, [name.decode("latin-1") for name in names]] for stage, names in options.macros.items()]
    return [options.version, options.actions, options.protocol, lists]


def _from_json(data: bytes) -> dict[str, Greeting]:
    """What the process told; it has spoken to strangers, so nothing is taken for granted."""
    try:
        return {
            str(name): Greeting(
                float(one["seconds"]), _options(one["options"]), str(one["reason"]), str(one["detail"])
            )
            for name, one in json.loads(data).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _options(told: list[Any] | None) -> Options | None:
    if told is None:
        return None
    version, actions, protocol, lists = told
    macros = {int(stage): tuple(str(name).encode("latin-1") for name in names) for stage, names in lists}
    return Options(int(version), int(actions), int(protocol), macros)
