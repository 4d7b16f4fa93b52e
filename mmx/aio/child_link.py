"""The driver's connections to children: from dialling to the end of each, told to the driver.

A child may be dialled again with a new link while the old one still hands over its last bytes; what an old
link hears is nobody's concern any more.
"""

from typing import TYPE_CHECKING

from mmx.aio.dial import Dialling
from mmx.aio.surroundings import Surroundings
from mmx.core.action import Loss
from mmx.core.child import Child

if TYPE_CHECKING:
    from mmx.aio.driver import Driver


class ChildLink:
    """One connection to a child, from dialling to its end; the child may be dialled again with a new one."""

    __slots__ = ("_driver", "child", "dialling", "stream")

    def __init__(self, driver: "Driver", child: Child, surroundings: Surroundings) -> None:
        self._driver = driver
        self.child = child
        self.stream = surroundings.make_stream(self, accepted=False)
        self.dialling: Dialling | None = None

    def failed(self, loss: Loss) -> None:
        self._driver.child_lost(self, loss)

    def connected(self) -> None:
        self.dialling = None
        self._driver.child_up(self)

    def received(self, frames: list[bytes]) -> None:
        self._driver.child_received(self, frames)

    def lost(self, loss: Loss) -> None:
        self._driver.child_lost(self, loss)

    def blocked(self, blocked: bool) -> None:
        self._driver.child_blocked(self, blocked)

    def close(self) -> None:
        """Stop dialling, or close once everything is written."""
        if self.dialling is not None:
            self.dialling.cancel()
            self.dialling = None
        else:
            self.stream.close()
