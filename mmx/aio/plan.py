"""The settings as the core wants them: the children that have a say, those that observe, and the bounds."""

from collections.abc import Collection, Mapping

from mmx.aio.conditions import NO_NETWORKS, Compiler, LocalNetworks
from mmx.core.plan import EDITED, ORIGINAL, POSTFIX_MACROS, After, Chain, ChildPlan, ObservedPlan
from mmx.core.plan import Limits as CoreLimits
from mmx.settings.model import ChildSettings, Content, Limits, Macros, Recipients, Settings
from mmx.wire import option


def make_chain(
    settings: Settings,
    main_cf: Mapping[int, tuple[bytes, ...]] = POSTFIX_MACROS,
    local: LocalNetworks = NO_NETWORKS,
) -> Chain:
    """The chain for sessions to come: the children that have a say. Of main.cf are the macro lists, and the
    networks that are local where the settings do not name any.
    """
    compiler = Compiler(settings, local)
    names = frozenset(child.name for child in settings.chain)
    words = _words(settings)
    return Chain(
        children=tuple(_child(child, names, compiler) for child in settings.chain),
        limits=_limits(settings.limits),
        base_macros=_base_macros(settings.mta_macros, main_cf),
        name_in_reply=settings.name_in_reply,
        children_header=(settings.children_header or "").encode(),
        condition_macros=compiler.macros(words),
        dns_lists=compiler.dns_lists(words),
        trusted_domain=compiler.trusted_domain(),
        observed=tuple(_observed(child, settings, names, compiler) for child in settings.observed),
    )


def complaints(settings: Settings, local: LocalNetworks) -> tuple[str, ...]:
    """What conditions would need to know of main.cf and cannot; with what to do."""
    return tuple(
        f"mynetworks of main.cf: {what}: this cannot be read, so no client is known to be remote; "
        "set local_networks"
        for what in Compiler(settings, local).missing(_words(settings))
    )


def _words(settings: Settings) -> list[str]:
    return [word for child in (*settings.chain, *settings.observed) for word in child.when]


def _observed(
    child: ChildSettings, settings: Settings, chain: Collection[str], compiler: Compiler
) -> ObservedPlan:
    place = settings.children.index(child)
    earlier = frozenset(other.name for other in settings.children[:place])
    return ObservedPlan(_child(child, chain, compiler), earlier)


def _child(child: ChildSettings, chain: Collection[str], compiler: Compiler) -> ChildPlan:
    after = child.after
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
        pipelining=child.pipelining.value,
        when=compiler.when(child.when),
        # A child that is not in the chain says nothing: who waits for it would see no mail at all.
        after=After(after.child, frozenset(after.said)) if after and after.child in chain else None,
        only_matching=child.recipients is Recipients.MATCHING,
        max_size=child.max_size,
        set_macros=tuple((name.encode(), value.encode()) for name, value in child.macros),
        verdicts=dict(child.verdicts),
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
