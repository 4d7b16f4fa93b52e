"""Facts about the host: the one part of detection that looks at anything.

systemd is asked once, for all units of the catalog together. Where it does not run, mmx.detect.offline
answers; where it is not installed at all, nothing is looked for. Then the files are read that the units and
the catalog name, and rspamadm is run if rspamd's unit is enabled: it takes seconds.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from mmx.detect.commands import Run, run
from mmx.detect.facts import Absence, Facts, Failure, Unit
from mmx.detect.host_files import HostFiles
from mmx.detect.offline import offline_units
from mmx.detect.planner import why_out
from mmx.detect.postfix_milters import PARAMETERS, read_milters
from mmx.detect.sources import files_of
from mmx.detect.unit_show import PROPERTIES, read_units
from mmx.settings.catalog import CATALOG, Compiled, ProxyWorker
from mmx.settings.detected import PostfixMilter

SYSTEMCTL: Final = ("/usr/bin/systemctl", "/bin/systemctl")
RSPAMADM: Final = "/usr/bin/rspamadm"
POSTCONF: Final = "/usr/sbin/postconf"
SYSTEMCTL_LIMIT: Final = 10.0
RSPAMADM_LIMIT: Final = 30.0
POSTCONF_LIMIT: Final = 5.0
"""Seconds that each may take. rspamadm takes 3 s on a quiet host."""

NO_SYSTEMCTL: Final = "systemctl is not installed: only children that have an endpoint are in the chain"
OFFLINE: Final = "systemd does not run here: enabled units count as if they ran"
_BOOTED: Final = "/run/systemd/system"


class Collector:
    """Looks at the host, or at the tree of one below `root`.

    `booted`: systemd runs and answers for this tree; None: so it does if it runs and the tree is the host.
    """

    def __init__(self, root: Path = Path("/"), runner: Run = run, *, booted: bool | None = None) -> None:
        self._files = HostFiles(root)
        self._run = runner
        self._is_host = root == Path("/") or bool(booted)
        self._booted = self._is_host and self._files.exists(_BOOTED) if booted is None else booted

    def collect(self, *, quick: bool = False) -> Facts:
        """Everything that the planner may ask for; when `quick`, neither rspamadm nor postconf is run."""
        found, limits = self._units()
        units = {} if isinstance(found, Failure) else found
        facts = Facts(
            units=found,
            files=self._read(units),
            existing=frozenset(path for path in _asked_after() if self._files.exists(path)),
            limits=limits,
        )
        return facts if quick else replace(facts, workers=self._workers(units), in_postfix=self.in_postfix())

    def in_postfix(self) -> tuple[PostfixMilter, ...]:
        """The milters that Postfix itself uses; none if it cannot be asked."""
        if not (self._is_host and self._files.exists(POSTCONF)):
            return ()
        main = self._run([POSTCONF, "-x", *PARAMETERS, "queue_directory"], POSTCONF_LIMIT)
        master = self._run([POSTCONF, "-Px", *(f"*/*/{name}" for name in PARAMETERS)], POSTCONF_LIMIT)
        return read_milters(main.output, master.output)

    def _units(self) -> tuple[Mapping[str, Unit] | Failure, tuple[str, ...]]:
        systemctl = next((path for path in SYSTEMCTL if Path(path).exists()), None)
        if systemctl is None:
            return Absence(NO_SYSTEMCTL), ()
        names = [f"{stem}{suffix}" for stem in _stems() for suffix in (".service", ".socket", "@*.service")]
        if not self._booted:
            return offline_units(names, self._files, systemctl, self._run), (OFFLINE,)
        show = [systemctl, "show", "--no-pager", "--property", ",".join(PROPERTIES), "--", *names]
        answer = self._run(show, SYSTEMCTL_LIMIT)
        units = read_units(answer.output)
        if answer.failure or any(f"{stem}.service" not in units for stem in _stems()):
            return Failure(f"systemctl show: {answer.complaint}"), ()
        return units, ()

    def _read(self, units: Mapping[str, Unit]) -> dict[str, bytes | Failure]:
        """The files that matter; some are named only in others, hence the second round."""
        files: dict[str, bytes | Failure] = {}
        for _ in range(2):
            wanted = {
                path
                for milter in CATALOG
                for name, unit in units.items()
                if name.partition(".")[0].partition("@")[0] in milter.units and unit.load_state != "not-found"
                for path in files_of(milter, unit, files)
            }
            for path in wanted - files.keys():
                data = self._files.read(path)
                if data is not None:
                    files[path] = data
        return files

    def _workers(self, units: Mapping[str, Unit]) -> str | Failure | None:
        """What rspamadm says of rspamd's workers; None if rspamd is not enabled."""
        stems = {stem for milter in CATALOG if ProxyWorker() in milter.sources for stem in milter.units}
        if all(f"{stem}.service" not in units or why_out(units[f"{stem}.service"]) for stem in stems):
            return None
        if not (self._is_host and self._files.exists(RSPAMADM)):
            return Failure(f"{RSPAMADM} is not there")
        answer = self._run([RSPAMADM, "configdump", "--json", "worker"], RSPAMADM_LIMIT)
        if answer.failure or answer.status:
            return Failure(f"rspamadm configdump: {answer.complaint}")
        return answer.output.decode("utf-8", "replace")


def _stems() -> list[str]:
    return [stem for milter in CATALOG for stem in milter.units]


def _asked_after() -> frozenset[str]:
    compiled = [source for milter in CATALOG for source in milter.sources if isinstance(source, Compiled)]
    return frozenset(source.beside for source in compiled if source.beside)
