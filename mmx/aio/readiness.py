"""Whether mmx can do its work: what `/-/ready` answers, and why not.

Ready means: it listens for the MTA, the last reload succeeded, no stop was asked for, and every required
child answered when it was last spoken to. A child is required unless its default action for `unreachable`
is accept, or it only observes: without one of those, mail passes all the same. Of a child that nobody has
spoken to yet nothing is known, so it is no reason.

`/-/healthy` asks for less: an answer says that the event loop turns. A loop that hangs gives none.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from mmx.aio.http import Handler, Request, Response, error
from mmx.core import plan
from mmx.core.plan import ChildPlan


@dataclass(frozen=True, slots=True)
class Standing:
    """What readiness depends on. `down` are the children that did not answer, with the reason."""

    listening: bool
    settings_good: bool
    stopping: bool
    down: tuple[tuple[ChildPlan, str], ...] = ()


def is_required(child: ChildPlan) -> bool:
    """Whether mail does not pass while this child is down."""
    return child.unreachable != plan.ACCEPT


def obstacles(standing: Standing) -> list[str]:
    """Why mmx is not ready; empty if it is."""
    facts: Iterable[tuple[bool, str]] = (
        (standing.stopping, "mmx is stopping"),
        (not standing.listening, "mmx does not listen for the MTA"),
        (not standing.settings_good, "the last reload failed: former settings are in force"),
    )
    told = [text for holds, text in facts if holds]
    told += [f"child {child.name} is down: {why}" for child, why in standing.down if is_required(child)]
    return told


def healthy(_: Request) -> Response:
    """The page `/-/healthy`."""
    return Response(body=b"healthy\n")


def ready_page(standing: Callable[[], Standing]) -> Handler:
    """The page `/-/ready`."""

    def ready(_: Request) -> Response:
        told = obstacles(standing())
        if not told:
            return Response(body=b"ready\n")
        return error(HTTPStatus.SERVICE_UNAVAILABLE, "not ready\n" + "\n".join(told))

    return ready
