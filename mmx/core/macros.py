"""Macro packets on their way from the MTA to a child (M5).

A child that listed names for a stage gets only those; a child without a list gets the base list, once mmx
has asked the MTA for more than that. Where neither holds the packet goes on as received.
"""

from collections.abc import Collection, Iterable, Mapping

from mmx.core.negotiation import bare_name
from mmx.wire import command, option, payload
from mmx.wire.framing import CODE, DATA, MAX_DATA, frame


def value_of(macros: bytes, name: bytes) -> bytes | None:
    """The value of a macro in a MACRO frame, None if it is not there."""
    _, pairs = payload.decode_macros(macros[DATA:])
    for pair_name, value in pairs:
        if bare_name(pair_name) == name:
            return value
    return None


def with_values(
    macros: bytes | None, code: int, values: Iterable[tuple[bytes, bytes]], *, add: bool = False
) -> bytes | None:
    """A MACRO frame in which these macros have these values.

    Added are they only at CONNECT, whose macros hold for the whole session (S8), or where `add` says so;
    elsewhere they only take the place of what the MTA sends, which would hide them.
    """
    pairs = payload.decode_macros(macros[DATA:])[1] if macros is not None else []
    wanted = {bare_name(name): (name, value) for name, value in values}
    present = {bare_name(name) for name, _ in pairs}
    changed = [wanted.get(bare_name(name), (name, value)) for name, value in pairs]
    if add or code == command.CONNECT:
        changed += [pair for name, pair in wanted.items() if name not in present]
    if macros is None and not changed:
        return None
    return frame(command.MACRO, payload.encode_macros(code, changed))


def for_child(
    macros: bytes,
    child: Mapping[int, tuple[bytes, ...]],
    requested: Collection[int],
    base: Mapping[int, tuple[bytes, ...]],
) -> bytes:
    """The MACRO frame a child with these lists gets; `requested` holds the stages mmx sent a list for."""
    stage = option.STAGE_OF_COMMAND.get(macros[DATA])
    names: tuple[bytes, ...] | None = None
    if stage is not None:
        names = child.get(stage) or (base.get(stage, ()) if stage in requested else None)
    if names is None and len(macros) - CODE - 1 <= MAX_DATA:
        return macros
    code, pairs = payload.decode_macros(macros[DATA:])
    if names is not None:
        wanted = {bare_name(name) for name in names}
        pairs = [pair for pair in pairs if bare_name(pair[0]) in wanted]
    data = payload.encode_macros(code, pairs)
    while len(data) > MAX_DATA:
        pairs.pop()
        data = payload.encode_macros(code, pairs)
    return frame(command.MACRO, data)
