"""What a reload changes about the children, in words: for the log, the status page and who asked."""

from collections.abc import Mapping

from mmx.core.plan import Chain


def describe_change(old: Chain, new: Chain) -> list[str]:
    """What a reload changes about the children, for people."""
    before = {plan.name: plan for plan in old.children}
    after = {plan.name: plan for plan in new.children}
    changes = _differences("child", before, after)
    changes += _differences(
        "observing child",
        {plan.child.name: plan for plan in old.observed},
        {plan.child.name: plan for plan in new.observed},
    )
    common = [name for name in after if name in before]
    if common != [name for name in before if name in after]:
        changes.append(f"order is now {', '.join(after)}")
    if old.limits != new.limits:
        changes.append("limits changed")
    return changes


def _differences(kind: str, before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    changes = [f"{kind} {name} removed" for name in before if name not in after]
    changes += [f"{kind} {name} added" for name in after if name not in before]
    return changes + [
        f"{kind} {name} changed" for name in after if name in before and after[name] != before[name]
    ]
