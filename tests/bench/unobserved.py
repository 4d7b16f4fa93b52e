"""mmx that counts nothing and writes no line for a message: `python -m tests.bench.unobserved` in place of
`python -m mmx`, to measure what the other costs. Settings still have to set `log.level: warning`.
"""

import sys

from mmx.cli import main
from mmx.observe.tally import Tally


def nothing(*_: object, **__: object) -> None:
    """Count nothing."""


if __name__ == "__main__":
    for name in ("message", "judged", "session_ended"):
        setattr(Tally, name, nothing)
    sys.exit(main())
