"""A small greylist on python3-milter; run by the system's python3, which has the module.

Usage: greylist_child.py SOCKET TRACE. A recipient is deferred the first time that this client writes to
him from this sender, and taken from the second time on; milter-greylist does the same with delays. Each
client that is asked about is a line of the trace. What passes gets a header.
"""

import sys
from pathlib import Path
from typing import Any

import Milter  # type: ignore[import-not-found]

TRACE = Path(sys.argv[2])
SEEN: set[tuple[str, str, str]] = set()


class Greylist(Milter.Base):  # type: ignore[misc]
    """One connection."""

    def __init__(self) -> None:
        self.client = self.sender = ""

    def connect(self, hostname: str, _family: int, address: tuple[Any, ...]) -> Any:
        self.client = address[0]
        with TRACE.open("a", encoding="utf-8") as trace:
            print(hostname, self.client, self.getsymval("{client_resolve}"), file=trace)
        return Milter.CONTINUE

    def envfrom(self, sender: str, *_words: str) -> Any:
        self.sender = sender
        return Milter.CONTINUE

    def envrcpt(self, recipient: str, *_words: str) -> Any:
        triplet = (self.client, self.sender, recipient)
        if triplet in SEEN:
            return Milter.CONTINUE
        SEEN.add(triplet)
        self.setreply("451", "4.7.1", "Greylisting in action, please come back later")
        return Milter.TEMPFAIL

    def eom(self) -> Any:
        self.addheader("X-Greylist", "delayed")
        return Milter.CONTINUE


def main() -> None:
    Milter.factory = Greylist
    Milter.set_flags(Milter.ADDHDRS)
    Milter.runmilter("greylist-child", sys.argv[1], 300)


if __name__ == "__main__":
    main()
