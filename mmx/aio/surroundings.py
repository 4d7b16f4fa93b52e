"""What a driver needs of the world around it: the sessions of the daemon, or a message that is played to a
child that observes.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from mmx.aio.dial import Dialling
from mmx.aio.stream import Stream
from mmx.core.action import Loss, Note
from mmx.core.child import Child
from mmx.core.condition import Truth

if TYPE_CHECKING:
    from mmx.aio.child_link import ChildLink
    from mmx.aio.driver import Driver


class Surroundings(Protocol):
    """What all sessions share. `fault` says what becomes of a message in which mmx itself fails."""

    fault: str

    def make_stream(self, owner: "Driver | ChildLink", *, accepted: bool) -> Stream: ...

    def dial(self, child: Child, stream: Stream, failed: Callable[[Loss], None]) -> Dialling | Loss: ...

    def look_up(self, address: str, lists: Sequence[str], tell: Callable[[str, Truth], None]) -> None: ...

    def began(self, driver: "Driver") -> None: ...

    def note(self, driver: "Driver", note: Note) -> None: ...

    def ended(self, driver: "Driver") -> None: ...
