import pytest

from mmx.aio.chain_change import describe_change
from mmx.core.plan import Chain, ChildPlan, Limits


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ab", "ab", []),
        ("ab", "a", ["child b removed"]),
        ("a", "ab", ["child b added"]),
        ("ab", "ba", ["order is now b, a"]),
        ("abc", "ca", ["child b removed", "order is now c, a"]),
    ],
)
def test_describe_change(old: str, new: str, said: list[str]) -> None:
    def chain(names: str) -> Chain:
        return Chain(tuple(ChildPlan(name) for name in names))

    assert describe_change(chain(old), chain(new)) == said


def test_describe_change_of_a_child_and_of_limits() -> None:
    old = Chain((ChildPlan("a", "unix:/a"),))
    new = Chain((ChildPlan("a", "unix:/b"),), Limits(message_timeout=1.0))
    assert describe_change(old, new) == ["child a changed", "limits changed"]
