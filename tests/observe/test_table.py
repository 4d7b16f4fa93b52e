"""Tables of the page."""

from mmx.observe.table import columns, figure, heading, row, scrolling, table


def test_numbers_are_aligned() -> None:
    assert figure(12_000) == '<td class="count" align="right">12\u202f000</td>'
    assert figure("1.2 s") == '<td class="count" align="right">1.2 s</td>'
    assert '<th scope="col" class="count" align="right">Took</th>' in columns("Time", "Took")


def test_rows_and_columns_have_headings() -> None:
    made = table("counts", "Verdicts", row(heading("accept"), figure(1)))
    assert "<caption>Verdicts</caption>" in made
    assert '<th scope="row" align="left">accept</th>' in made
    assert "<thead>" not in made


def test_a_wide_table_can_be_scrolled_by_keyboard() -> None:
    made = scrolling("Decisions", ("Time",), [])
    assert made.startswith('<div class="scroll" tabindex="0" role="region" aria-label="Decisions">')
