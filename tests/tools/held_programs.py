"""Programs that stand for Postfix's, in a directory of their own: they keep their words and say what they are
told to.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ARRIVED = 1764093000


def listed(queue_id: str, arrived: int = ARRIVED, queue: str = "hold", **members: Any) -> dict[str, Any]:
    """A line of postqueue -j."""
    entry = {
        "queue_name": queue,
        "queue_id": queue_id,
        "arrival_time": arrived,
        "message_size": 327,
        "forced_expire": False,
        "sender": "a@example.net",
        "recipients": [{"address": "r1@example.com"}],
    }
    return {**entry, **members}


def claimed(queue_id: str, at: float = ARRIVED + 0.5, **children: str) -> bytes:
    """A line of the ledger."""
    entry = {
        "mail_at": at,
        "queue_id": queue_id,
        "session": "s1",
        "sender": "<a@example.net>",
        "recipients": 1,
        "size": 7,
        "children": [{"child": child, "reason": reason} for child, reason in children.items()],
    }
    return json.dumps(entry).encode() + b"\n"


class Programs:
    """The directory. Each call of a program is a line of `calls`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._log = directory / "calls"
        for program in ("postqueue", "postsuper", "postcat"):
            self.says(program)

    def says(self, program: str, output: bytes = b"", errors: bytes = b"", status: int = 0) -> None:
        """What a program prints, and its exit status."""
        for name, text in (("out", output), ("err", errors)):
            (self.directory / f"{program}.{name}").write_bytes(text)
        self.script(program, f'cat "$0.out"; cat "$0.err" >&2; exit {status}')

    def script(self, program: str, text: str) -> None:
        """What a program does."""
        path = self.directory / program
        path.write_text(f'#!/bin/sh\necho "{program} $*" >>{self._log}\n{text}\n')
        path.chmod(0o755)

    def lists(self, *entries: Mapping[str, Any]) -> None:
        """What is in the queue."""
        self.says("postqueue", b"".join(json.dumps(entry).encode() + b"\n" for entry in entries))

    def obeys(self, *done: str) -> None:
        """postsuper says that it has done these."""
        lines = [f"postsuper: {queue_id}: removed\n" for queue_id in done]
        self.says(
            "postsuper", errors="".join([*lines, f"postsuper: Deleted: {len(done)} messages\n"]).encode()
        )

    @property
    def calls(self) -> Sequence[str]:
        """The command lines so far."""
        return self._log.read_text().splitlines() if self._log.exists() else []
