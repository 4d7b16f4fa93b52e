from mmx.tools.columns import columns


def test_columns_are_as_wide_as_needed() -> None:
    rows = [("name", "n", "last"), ("a", "100", "x"), ("longer", "2", "")]
    assert columns(rows) == ["name    n    last", "a       100  x", "longer  2"]
