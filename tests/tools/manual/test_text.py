"""Markdown into manual pages."""

from mmx.tools.manual.roff import Page
from mmx.tools.manual.text import sections, write_lines


def written(markdown: str) -> list[str]:
    page = Page("p", 5, "2026-11-02", "p")
    page.section("s")
    write_lines(page, markdown.splitlines())
    return page.text().splitlines()[5:]


def test_sections_end_at_the_next_heading() -> None:
    found = sections("# Title\n\nabout\n\n## One\n```\n# no heading\n```\n### Two\nlast\n")
    assert [(part.level, part.title) for part in found] == [(1, "Title"), (2, "One"), (3, "Two")]
    assert found[1].lines == ("```", "# no heading", "```")


def test_paragraphs_and_code() -> None:
    assert written("one\ntwo\n```yaml\na:\n  b: 1\n\n```\nthree\n") == [
        *("one two", ".PP", ".RS 4", ".EX", "a:", "  b: 1", r"\&", ".EE", ".RE", ".PP", "three")
    ]


def test_lists() -> None:
    assert written("- one\n  goes on\n- two\n\n1. first\n") == [
        *(r'.IP "\(bu" 4', "one goes on", r'.IP "\(bu" 4', "two", '.IP "1." 4', "first")
    ]


def test_a_table_of_words_and_meanings() -> None:
    assert written("text\n| word | meaning |\n|---|---|\n| `a\\|b` | so |\n") == [
        *("text", ".TP", r"\fBa|b\fR", "so")
    ]


def test_a_table_without_header_loses_no_row() -> None:
    assert written("| | |\n|---|---|\n| a | b |\n| c | d |\n") == [".TP", "a", "b", ".TP", "c", "d"]


def test_columns_between_have_their_names() -> None:
    head = "| key | kind | default | meaning |\n|---|---|---|---|\n"
    assert written(f"{head}| k | size | | what |\n| l | size | `1` | what |") == [
        *(".TP", "k", "kind: size", ".br", "what"),
        *(".TP", "l", r"kind: size; default: \fB1\fR", ".br", "what"),
    ]


def test_a_last_column_that_is_no_meaning_has_its_name_too() -> None:
    table = "| name | holds if | known at |\n|---|---|---|\n| n | so | MAIL |"
    assert written(table) == [".TP", "n", "holds if: so; known at: MAIL"]
