"""The order in which children see mail.

Every milter that mmx knows has a rank (mmx.settings.catalog), because some work only behind others: a
greylister first, as it spares the others the mail it defers; SPF and DKIM verifiers before DMARC, which reads
their results; verifiers before scanners, which may rewrite the mail they verify. Children of equal rank stand
as in the catalog, and instances of one milter by their names.

1. The names in the setting `order` stand in that order, whatever their ranks.
2. Every other known child is put in, by rank: behind the last one whose rank is not above its own.
3. Children that mmx does not know and `order` does not name go last, as in the settings files.

A name in `order` holds its place even when no such child exists, and the place of a known child depends on
`order` and the ranks alone: so to add, remove or change one child never moves another.
"""

from collections.abc import Iterable, Sequence

from mmx.settings.catalog import CATALOG, milter_of


def rank_of(child: str) -> int | None:
    """The rank of a child, by the name of its milter; None if mmx does not know it."""
    milter = milter_of(child)
    return None if milter is None else milter.rank


def chain_order(names: Iterable[str], order: Sequence[str]) -> tuple[str, ...]:
    """Sort the names of children, given as the files list them, into chain order."""
    present = list(names)
    listed = set(order)
    chain = list(order)
    ranks = {name: rank for name in present if name not in listed and (rank := rank_of(name)) is not None}
    for name in sorted(ranks, key=_usual_place):
        chain.insert(_place(chain, ranks[name]), name)
    chain += [name for name in present if name not in ranks and name not in listed]
    wanted = set(present)
    return tuple(name for name in chain if name in wanted)


def _usual_place(child: str) -> tuple[int, int, str]:
    milter = milter_of(child)
    return (0, 0, child) if milter is None else (milter.rank, CATALOG.index(milter), child)


def _place(chain: Sequence[str], rank: int) -> int:
    """Index behind the last child of `chain` whose rank is at most `rank`; 0 if there is none."""
    for index in range(len(chain), 0, -1):
        other = rank_of(chain[index - 1])
        if other is not None and other <= rank:
            return index
    return 0
