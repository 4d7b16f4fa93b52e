import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmx.settings.document import (
    DEEPEST,
    LARGEST_FILE,
    MOST_ALIASES,
    Items,
    Node,
    Scalar,
    Table,
    describe,
    merge,
    read_document,
)

TAG = "a YAML tag has no meaning here; remove the tag"
Plain = str | list["Plain"] | dict[str, "Plain"]


def plain(node: Node) -> Plain:
    if isinstance(node, Scalar):
        return f"{node.kind} {node.text}"
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}


def read(text: str | bytes, file: str = "a.yaml") -> tuple[Table, list[str]]:
    table, problems = read_document(file, text.encode() if isinstance(text, str) else text)
    return table, [str(problem) for problem in problems]


def test_a_document_keeps_texts_types_and_lines() -> None:
    table, problems = read("a: 0660\nb:\n  - x\n  - no\nc: {d: 1:30}\n")
    assert problems == []
    assert plain(table) == {"a": "int 0660", "b": ["str x", "bool no"], "c": {"d": "int 1:30"}}
    assert table.places["c"].line == 5
    items = table.entries["b"]
    assert isinstance(items, Items)
    assert str(items.items[1].place) == "a.yaml:4"


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~", "\ufeff"])
def test_nothing_is_an_empty_map(text: str) -> None:
    table, problems = read(text)
    assert (plain(table), problems) == ({}, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: {c: 1, c: 2}", "a.yaml:2: b.c: already set in line 2; keep one of the two"),
        ("a: 1\nb: 2\na: 3", "a.yaml:3: a: already set in line 1; keep one of the two"),
        ("no: 1", "a.yaml:1: no: a key must be a string, YAML reads bool; put it in quotes"),
        ("x: {1: 2}", "a.yaml:1: x: 1: a key must be a string, YAML reads int; put it in quotes"),
        ("? [a]\n: 1", "a.yaml:1: a list or map: a key must be a string, YAML reads seq; put it in quotes"),
        ("b: &b {c: 1}\na:\n  <<: *b", "a.yaml:3: a: <<: merge keys are not read; write the settings out"),
        ("a: !!str 1", "a.yaml:1: tag:yaml.org,2002:str: " + TAG),
        ("a: ! 1", "a.yaml:1: !: " + TAG),
        ("a: !!python/name:x ''", "a.yaml:1: tag:yaml.org,2002:python/name:x: " + TAG),
        ("- a", "a.yaml:1: a list: not a map of settings; write KEY: VALUE lines"),
        ("\n\nword", "a.yaml:3: word: not a map of settings; write KEY: VALUE lines"),
        (b"a: 1\nb: \xff", "a.yaml:2: \\xff: not UTF-8; save the file as UTF-8"),
        ("a: 1\nb: \x01", "a.yaml:2: a control character; remove it"),
    ],
)
def test_what_is_refused(text: str | bytes, problem: str) -> None:
    assert read(text)[1] == [problem]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\nb: [1", 2), ("a:\n\t- b", 2), ("a: 1\n---\nb: 2", 2), ("a: *x", 1), ("a: 'b", 1), ("@a: 1", 1)],
)
def test_syntax_errors_have_a_line(text: str, line: int) -> None:
    table, problems = read(text)
    assert plain(table) == {}
    assert len(problems) == 1
    assert problems[0].startswith(f"a.yaml:{line}: not YAML: ")


def test_all_problems_of_a_file_are_told() -> None:
    table, problems = read("a: 1\na: 2\nno: 3\nb: !x 4\nc: 5")
    assert len(problems) == 3
    assert plain(table)["c"] == "int 5"  # type: ignore[call-overload,index]  # it is a dict


def test_size_limit() -> None:
    assert read(b"#" * LARGEST_FILE)[1] == []
    assert "larger than 1 MiB" in read(b"#" * (LARGEST_FILE + 1))[1][0]


def test_depth_limit() -> None:
    assert read("a: " + "[" * (DEEPEST - 2) + "]" * (DEEPEST - 2))[1] == []
    assert f"nested deeper than {DEEPEST}" in read("a: " + "[" * 100_000)[1][0]


def test_alias_limits() -> None:
    assert plain(read("a: &x [1]\nb: *x")[0]) == {"a": ["int 1"], "b": ["int 1"]}
    aliases = "a: &x 1\nb: [" + "*x, " * (MOST_ALIASES + 1) + "]"
    assert f"more than {MOST_ALIASES} aliases" in read(aliases)[1][0]
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 16)
    )
    assert read(bomb)[1][0].endswith("aliases repeat too much; write the values out")
    assert "aliases repeat too much" in read("a: &a [*a]")[1][0]


@given(st.text() | st.text("abc:-[]{}&*!#'\"\n ,", max_size=60) | st.binary())
@example("a: {b: [")
@example("? ? ?")
def test_any_file_gives_a_table_or_problems(data: str | bytes) -> None:
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    table, problems = read_document("a.yaml", raw)
    assert problems or isinstance(plain(table), dict)
    for problem in problems:
        assert problem.line is None or 1 <= problem.line <= raw.count(b"\n") + raw.count(b"\r") + 2


def test_merge_goes_key_by_key() -> None:
    one, _ = read("a: {b: 1, c: 2}\nd: [1, 2]\ne: word\n", "one")
    two, _ = read("a: {c: 3, f: 4}\nd: [5]\ne: {g: 6}\n", "two")
    merged = merge(one, two)
    assert plain(merged) == {
        "a": {"b": "int 1", "c": "int 3", "f": "int 4"},
        "d": ["int 5"],
        "e": {"g": "int 6"},
    }
    below = merged.entries["a"]
    assert isinstance(below, Table)
    assert [str(below.places[key]) for key in ("b", "c", "f")] == ["one:1", "two:1", "two:1"]
    assert list(below.entries) == ["b", "c", "f"]


def test_describe() -> None:
    table, _ = read("a: 1\nb: []\nc: {}")
    assert [describe(node) for node in table.entries.values()] == ["1", "a list", "a map"]
