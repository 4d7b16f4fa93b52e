"""An event: a command of the MTA with the macros that came before it, as received."""


class Event:
    """`serial` grows with every event of a session, so "has this child passed that event" is one
    comparison.
    """

    __slots__ = ("code", "frame", "macros", "refused", "rejected", "serial")

    def __init__(self, code: int, frame: bytes, macros: bytes | None, serial: int) -> None:
        self.code = code
        self.frame = frame
        self.macros = macros
        self.serial = serial
        self.refused = False
        """A RCPT that a child refused: no later child may learn of it (V6)."""
        self.rejected = False
        """A RCPT that Postfix itself rejected (S16)."""
