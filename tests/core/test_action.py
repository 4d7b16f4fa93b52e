"""The union of actions is what a driver has to know; a new one must not be forgotten there."""

import typing

from mmx.core import action
from mmx.core.action import Action, Loss


def test_every_named_tuple_of_the_module_but_loss_is_an_action() -> None:
    kinds = {
        kind
        for kind in vars(action).values()
        if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")
    }
    assert kinds - {Loss} == set(typing.get_args(Action))


def test_a_loss_needs_no_detail() -> None:
    assert Loss("eof") == Loss("eof", "")
