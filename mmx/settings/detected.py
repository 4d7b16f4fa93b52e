"""What looking for installed milters brought to light, in the form in which the settings take it.

The settings do not look themselves: whoever reads them hands in a `Look`, which is called once the files have
said whether milters are to be looked for. So everything here is plain data, and a test needs no host.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mmx.settings.endpoint import ChildEndpoint, Endpoint


@dataclass(frozen=True, slots=True)
class Found:
    """A milter that belongs in the chain.

    `origin` says where its endpoint was read, `note` what else there is to say: not running, a port that two
    use, a socket remembered from before.
    """

    name: str
    endpoint: ChildEndpoint
    origin: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A milter that is installed, or configured, and stays out of the chain."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class PostfixMilter:
    """A milter that Postfix itself is told to use; `place` is the parameter that names it."""

    place: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Detection:
    """The outcome of one look: what is found stands in no particular order. `notes` concern the whole."""

    found: tuple[Found, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    in_postfix: tuple[PostfixMilter, ...] = ()


# Called with whether milters are to be looked for; what Postfix uses is asked in any case.
Look = Callable[[bool], Detection]


def look_nowhere(_wanted: bool) -> Detection:
    """The Look of whoever has no host to look at."""
    return Detection()
