import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.settings.catalog import CATALOG, MILTERS
from mmx.settings.chain_order import chain_order, rank_of

INSTANCES = ["opendkim@one", "opendkim@two"]
NAMES = st.lists(st.sampled_from([*MILTERS, *INSTANCES, "archive", "footer", "local"]), unique=True)


@pytest.mark.parametrize(
    ("names", "order", "chain"),
    [
        ("rspamd opendmarc opendkim milter-greylist", "", "milter-greylist opendkim opendmarc rspamd"),
        ("archive opendkim footer", "", "opendkim archive footer"),
        ("dkimpy-milter opendkim", "", "opendkim dkimpy-milter"),
        ("archive opendkim@b opendmarc opendkim@a", "", "opendkim@a opendkim@b opendmarc archive"),
        ("opendkim smf-spf milter-greylist", "milter-greylist opendkim", "milter-greylist smf-spf opendkim"),
        ("opendmarc opendkim clamav-milter", "clamav-milter opendkim", "clamav-milter opendkim opendmarc"),
        ("archive opendkim rspamd", "opendkim archive", "opendkim rspamd archive"),
        ("archive opendkim", "archive opendkim", "archive opendkim"),
        ("opendmarc rspamd", "rspamd opendkim", "rspamd opendmarc"),
        ("", "opendkim", ""),
    ],
)
def test_examples(names: str, order: str, chain: str) -> None:
    assert chain_order(names.split(), order.split()) == tuple(chain.split())


@given(NAMES, NAMES)
def test_every_child_stands_once_and_order_is_obeyed(names: list[str], order: list[str]) -> None:
    chain = chain_order(names, order)
    assert sorted(chain) == sorted(names)
    assert [name for name in chain if name in order] == [name for name in order if name in names]
    assert chain_order(chain, order) == chain


@given(NAMES, NAMES, st.sampled_from(list(MILTERS)))
def test_a_child_less_moves_no_other(names: list[str], order: list[str], gone: str) -> None:
    left = [name for name in names if name != gone]
    assert chain_order(left, order) == tuple(name for name in chain_order(names, order) if name != gone)


def test_the_usual_order() -> None:
    assert chain_order(reversed(MILTERS), []) == tuple(milter.name for milter in CATALOG)
    assert [rank_of(milter.name) for milter in CATALOG] == sorted(milter.rank for milter in CATALOG)


@given(NAMES, NAMES, NAMES)
def test_a_known_child_stands_where_it_does_wherever_it_is_mentioned(
    names: list[str], order: list[str], first: list[str]
) -> None:
    known = [name for name in names if rank_of(name) is not None]
    mentioned = [name for name in first if name in known] + [name for name in known if name not in first]
    assert chain_order(mentioned, order) == chain_order(known, order)
