"""The order in which children see mail.

Every milter that mmx knows has a rank, because some work only behind others: a greylister first, as it
spares the others the mail it defers; SPF and DKIM verifiers before DMARC, which reads their results;
verifiers before scanners, which may rewrite the mail they verify. Children of equal rank stand as in the
settings files.

1. The names in the setting `order` stand in that order, whatever their ranks.
2. Every other known child is put in, by rank: behind the last one whose rank is not above its own.
3. Children that mmx does not know and `order` does not name go last, as in the settings files.

A name in `order` holds its place even when no such child exists, and the place of a known child depends on
`order` and the ranks alone: so to add, remove or change one child never moves another.
"""

from collections.abc import Iterable, Sequence
from typing import Final

RANKS: Final = {
    "milter-greylist": 10,
    "pyspf-milter": 20,
    "smf-spf": 20,
    "opendkim": 30,
    "dkimpy-milter": 30,
    "opendmarc": 40,
    "spamass-milter": 50,
    "clamav-milter": 60,
    "amavisd-milter": 70,
    "rspamd": 80,
}


def chain_order(names: Iterable[str], order: Sequence[str]) -> tuple[str, ...]:
    """Sort the names of children, given as the files list them, into chain order."""
    present = list(names)
    listed = set(order)
    chain = list(order)
    known = [name for name in present if name in RANKS and name not in listed]
    for name in sorted(known, key=RANKS.__getitem__):
        chain.insert(_place(chain, RANKS[name]), name)
    chain += [name for name in present if name not in RANKS and name not in listed]
    wanted = set(present)
    return tuple(name for name in chain if name in wanted)


def _place(chain: Sequence[str], rank: int) -> int:
    """Index behind the last child of `chain` whose rank is at most `rank`; 0 if there is none."""
    for index in range(len(chain), 0, -1):
        if RANKS.get(chain[index - 1], rank + 1) <= rank:
            return index
    return 0
