"""The settings of a host: its files, and the milters that it has installed.

What was found before stands in for what cannot be told now, so a loader is handed the settings in force. At
the first start there is nothing before: if systemd does not answer then, mmx does not start, for a chain
without the scanners would let mail pass unseen. systemd starts it again, and Postfix defers mail meanwhile.
"""

from collections.abc import Callable
from pathlib import Path

from mmx.detect.collector import Collector
from mmx.detect.facts import Absence, Failure
from mmx.detect.planner import plan
from mmx.detect.sources import NO_PROXY
from mmx.errors import TemporaryError
from mmx.settings.detected import Detection
from mmx.settings.endpoint import ChildEndpoint, UnknownEndpoint
from mmx.settings.load import Loaded, load


class Host:
    """Loads settings with the milters of this host (mmx.settings.load.Loader)."""

    def __init__(self, collector: Collector | None = None) -> None:
        self._collector = collector or Collector()

    def load(self, path: Path, former: Loaded | None = None, /) -> Loaded:
        """Read the settings and look for milters; raises SettingsError, at first TemporaryError."""
        return load(path, self._look(former))

    def news(self, loaded: Loaded, /) -> tuple[str, ...]:
        """What a reload would change about the milters found. Rspamd's own configuration is not asked."""
        if not loaded.settings.detect:
            return ()
        facts = self._collector.collect(quick=True)
        if isinstance(facts.units, Failure):
            return ()
        before = _known(loaded.detection)
        now = {milter.name: milter.endpoint for milter in plan(facts, before).found}
        names = {milter.name for milter in loaded.detection.found}
        # Only rspamadm could tell whether that has changed, and it takes seconds.
        skipped = {one.name for one in loaded.detection.skipped if one.reason.endswith(NO_PROXY)}
        told = {child.name for child in loaded.settings.children if not child.enabled}
        lines = [f"found {name}: joins at the next reload" for name in now.keys() - names - told - skipped]
        lines += [f"{name} is not enabled any more: leaves at the next reload" for name in names - now.keys()]
        lines += [
            f"{name} listens at {place} now: mmx follows at the next reload"
            for name, place in now.items()
            if name in before and not isinstance(place, UnknownEndpoint) and place != before[name]
        ]
        return tuple(sorted(lines))

    def _look(self, former: Loaded | None) -> Callable[[bool], Detection]:
        def look(wanted: bool) -> Detection:
            if not wanted:
                return Detection(in_postfix=self._collector.in_postfix())
            facts = self._collector.collect()
            units = facts.units
            if former is None and isinstance(units, Failure) and not isinstance(units, Absence):
                raise TemporaryError(
                    f"cannot tell which milters are enabled: {units.reason}; try again, or write "
                    "`detect: no` and the endpoint of each child"
                )
            return plan(facts, {} if former is None else _known(former.detection))

        return look


def _known(detection: Detection) -> dict[str, ChildEndpoint]:
    return {milter.name: milter.endpoint for milter in detection.found}
