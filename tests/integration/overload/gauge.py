"""What the daemon holds and spends, read from /proc."""

import itertools
import os
import time
from pathlib import Path

from tests.integration.daemon import Mmx
from tests.integration.postfix import eventually

SETTLE_LIMIT = 10.0
SETTLE_PAUSE = 0.3
IDLE_SECONDS = 1.0
IDLE_SHARE = 0.05


class Gauge:
    """The daemon's state when this was made, to be compared with a later one."""

    def __init__(self, mmx: Mmx) -> None:
        assert mmx.process is not None
        self._mmx = mmx
        self._proc = Path(f"/proc/{mmx.process.pid}")
        self._descriptors = self._settled()
        self._memory = self.memory()

    def descriptors(self) -> int:
        return len(self._links())

    def _settled(self) -> int:
        """Descriptors, once none comes or goes any more."""
        seen = [-1, self.descriptors()]
        while seen[-1] != seen[-2]:
            time.sleep(SETTLE_PAUSE)
            seen.append(self.descriptors())
        return seen[-1]

    def limit_for(self, more: int) -> int:
        """The limit of descriptors with which so many more can be opened."""
        taken = {int(link.name) for link in self._links()}
        free = (number for number in itertools.count() if number not in taken)
        return next(itertools.islice(free, more, None))

    def memory(self) -> int:
        """Resident bytes."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """Most resident bytes so far."""
        return self._status("VmHWM")

    def grown(self) -> int:
        """Peak above the resident bytes at the start."""
        return self.peak() - self._memory

    def check(self, memory: int) -> None:
        """All descriptors given back, at most `memory` bytes kept, no traceback, no processor time spent."""
        assert eventually(lambda: self.descriptors() <= self._descriptors, SETTLE_LIMIT, 0.05), self._leaked()
        assert self.memory() - self._memory <= memory, (
            f"{self.memory() - self._memory} bytes more than before"
        )
        log = self._mmx.log_text()
        for word in ("Traceback", "internal error", "fault in a callback", "cannot be carried on"):
            assert word not in log, log[log.index(word) - 500 : log.index(word) + 3000]
        before = self.seconds()
        time.sleep(IDLE_SECONDS)
        assert self.seconds() - before <= IDLE_SHARE * IDLE_SECONDS, "the daemon is busy with nothing to do"

    def seconds(self) -> float:
        """Processor time spent so far."""
        words = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, name: str) -> int:
        for line in (self._proc / "status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise KeyError(name)

    def _links(self) -> list[Path]:
        return list((self._proc / "fd").iterdir())

    def _leaked(self) -> str:
        links = [str(link.readlink()) for link in self._links()]
        return f"{self._descriptors} descriptors before, now {len(links)}: {sorted(links)[-20:]}"
