from mmx.settings import values
from mmx.settings.document import read_document
from mmx.settings.section import Findings, Section


def section(text: str) -> Section:
    table, problems = read_document("a.yaml", text.encode())
    assert problems == []
    return Section(table, "", Findings("a.yaml"))


def problems(part: Section) -> list[str]:
    return [str(problem) for problem in part.findings.problems]


def test_values_defaults_and_their_origins() -> None:
    top = section("a: 5s\n\nb: {c: 7s}\n")
    below = top.section("b")
    assert top.take("a", values.duration(), 1.0) == 5
    assert top.take("x", values.duration(), 1.0) == 1
    assert below.take("c", values.duration(), 1.0) == 7
    assert below.take("d", values.duration(), 2.0, "x") == 2
    assert top.findings.origins == {"a": "a.yaml:1", "x": "default", "b.c": "a.yaml:3", "b.d": "x"}
    top.finish()
    below.finish()
    assert problems(top) == []


def test_a_wrong_value_is_noted_and_replaced() -> None:
    top = section("a: 5\n")
    assert top.take("a", values.size, 9) == 9
    assert problems(top)[0].startswith("a.yaml:1: a: 5: a size needs its unit; write ")


def test_what_nobody_took_is_unknown() -> None:
    top = section("socket_mod: x\nb: {c: 1}\n")
    below = top.section("b")
    top.take("socket_mode", values.mode, 0)
    top.finish()
    below.finish()
    assert problems(top) == [
        "a.yaml:1: socket_mod: unknown setting; did you mean socket_mode?",
        "a.yaml:2: b.c: unknown setting; remove it",
    ]


def test_a_section_without_a_value_is_empty() -> None:
    top = section("a:\n")
    below = top.section("a")
    assert below.names() == ()
    assert below.take("b", values.size, 3) == 3
    assert problems(top) == []


def test_a_section_that_is_no_map() -> None:
    top = section("a: [1]\n")
    assert top.section("a").names() == ()
    expected = "a.yaml:1: a: a list: a map is wanted here; write KEY: VALUE lines below, indented"
    assert problems(top) == [expected]


def test_problems_stand_where_the_nearest_key_does() -> None:
    top = section("a:\n  b: {c: 1}\n")
    top.section("a").section("b")
    for key in ("a.b.c.d", "a.x", "y"):
        top.findings.refuse(key, "", "bad", "")
        top.findings.warn(key, "", "odd")
    assert problems(top) == ["a.yaml:2: a.b.c.d: bad", "a.yaml:1: a.x: bad", "a.yaml: y: bad"]
    assert [problem.line for problem in top.findings.warnings] == [2, 1, None]
