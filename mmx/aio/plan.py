"""The settings as the core wants them: which children a session speaks to, in order, and its bounds."""

from collections.abc import Mapping

from mmx.core.plan import EDITED, ORIGINAL, POSTFIX_MACROS, Chain, ChildPlan
from mmx.core.plan import Limits as CoreLimits
from mmx.settings.model import ChildSettings, Content, Limits, Macros, Settings
from mmx.wire import option


def make_chain(settings: Settings, main_cf: Mapping[int, tuple[bytes, ...]] = POSTFIX_MACROS) -> Chain:
    """The chain for sessions to come: the children that have a say. `main_cf` are its macro lists."""
    return Chain(
        children=tuple(_child(child) for child in settings.chain),
        limits=_limits(settings.limits),
        base_macros=_base_macros(settings.mta_macros, main_cf),
        name_in_reply=settings.name_in_reply,
        children_header=(settings.children_header or "").encode(),
    )


def _child(child: ChildSettings) -> ChildPlan:
    return ChildPlan(
        name=child.name,
        endpoint=str(child.endpoint),
        content=EDITED if child.content is Content.EDITED else ORIGINAL,
        original_always=child.content is not Content.ORIGINAL_UNLESS_REPLACED,
        unreachable=child.default_action.unreachable.value,
        died=child.default_action.died.value,
        connect_timeout=child.connect_timeout,
        command_timeout=child.command_timeout,
        content_timeout=child.content_timeout,
        pipelining=child.pipelining,
    )


def _limits(limits: Limits) -> CoreLimits:
    return CoreLimits(
        message_timeout=limits.message_timeout,
        idle_timeout=limits.idle_timeout,
        progress_interval=limits.progress_interval,
        foreign_event_timeout=limits.foreign_event_timeout,
        max_edits=limits.max_edits,
        output_high_water=limits.output_high_water,
    )


def _base_macros(macros: Macros, main_cf: Mapping[int, tuple[bytes, ...]]) -> dict[int, tuple[bytes, ...]]:
    """What the settings say of a stage, else what main.cf says."""
    told = {
        option.STAGE_CONNECT: macros.connect,
        option.STAGE_HELO: macros.helo,
        option.STAGE_MAIL: macros.mail,
        option.STAGE_RCPT: macros.rcpt,
        option.STAGE_DATA: macros.data,
        option.STAGE_EOH: macros.end_of_header,
        option.STAGE_EOM: macros.end_of_message,
    }
    return {
        stage: main_cf[stage] if names is None else tuple(name.encode() for name in names)
        for stage, names in told.items()
    }
