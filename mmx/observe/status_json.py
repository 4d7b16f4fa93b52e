"""A status as JSON and back, for `mmx status`, which is another process than the daemon.

What only one of two versions knows is left out or takes its default, so that a command can read the answer of
a daemon that was not restarted after an update. The text of the settings does not travel: it has a request of
its own.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from mmx.errors import InvalidValueError
from mmx.observe.status import Status


def as_json(status: Status) -> dict[str, Any]:
    """Maps, lists and plain values."""
    return {key: value for key, value in asdict(status).items() if key != "settings_text"}


def from_json(tree: object) -> Status:
    """A status of what `as_json` made of one; raises InvalidValueError if it is none."""
    try:
        return Status(**_known(Status, tree))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InvalidValueError(f"not a status of mmx: {error}") from None


def _read(hint: Any, value: Any) -> Any:
    """A value as the type of its field has it."""
    origin, of = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return hint(**_known(hint, value))
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return hint(*value)
    if origin in (types.UnionType, Union):
        return None if value is None else _read(of[0], value)
    if origin is tuple:
        kinds = [of[0]] * len(value) if of[-1] is Ellipsis else of
        return tuple(_read(kind, item) for kind, item in zip(kinds, value, strict=True))
    if origin is Mapping:
        return {str(key): _read(of[1], item) for key, item in value.items()}
    return hint(value)


def _known(kind: type[Any], tree: Any) -> dict[str, Any]:
    """The fields of a dataclass that are there, or without which it cannot be."""
    hints = get_type_hints(kind)
    return {
        field.name: _read(hints[field.name], tree[field.name])
        for field in fields(kind)
        if field.name in tree or (field.default is MISSING and field.default_factory is MISSING)
    }
