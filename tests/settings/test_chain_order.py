import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.settings.chain_order import RANKS, chain_order

NAMES = st.lists(st.sampled_from([*RANKS, "archive", "footer", "local"]), unique=True)


@pytest.mark.parametrize(
    ("names", "order", "chain"),
    [
        ("rspamd opendmarc opendkim milter-greylist", "", "milter-greylist opendkim opendmarc rspamd"),
        ("archive opendkim footer", "", "opendkim archive footer"),
        ("dkimpy-milter opendkim", "", "dkimpy-milter opendkim"),
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


@given(NAMES, NAMES, st.sampled_from(list(RANKS)))
def test_a_child_less_moves_no_other(names: list[str], order: list[str], gone: str) -> None:
    left = [name for name in names if name != gone]
    assert chain_order(left, order) == tuple(name for name in chain_order(names, order) if name != gone)
