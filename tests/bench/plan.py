"""How much is measured."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """Counts of a run; `program` is the compiled milter, sockets and spools lie in `directory`."""

    program: Path
    directory: Path
    rounds: int = 5
    messages: int = 600
    slow_messages: int = 200
    cpu_messages: int = 800
    idle_sessions: tuple[int, ...] = (200, 1000)
