"""Macro packets on their way from the MTA to a child (M5).

A child that listed names for a stage gets only those; a child without a list gets the base list, once mmx
has asked the MTA for more than that. Where neither holds the packet goes on as received.
"""

from collections.abc import Collection, Mapping

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
