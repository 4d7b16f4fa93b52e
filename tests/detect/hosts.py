"""Hosts to look at: fixture trees, and programs that answer what a test wants them to."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmx.detect.collector import Collector
from mmx.detect.commands import Answer
from mmx.detect.facts import Facts, Files, Unit
from mmx.settings.catalog import CATALOG

TREES = Path(__file__).parent / "trees"
DEBIAN = TREES / "debian12"
EL = TREES / "el9"

RSPAMD = json.dumps({"normal": {"bind_socket": "localhost:11333"}}) + json.dumps(
    {"rspamd_proxy": {"bind_socket": "localhost:11332", "milter": True}}
)
# Of every host, the units that init scripts start.
SCRIPTS = ("clamav-milter", "spamass-milter", "amavisd-milter")


class Programs:
    """What each program answers, by the name of the program and its first word; `asked` are all calls."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[Sequence[str]] = []

    def __call__(self, argv: Sequence[str], limit: float) -> Answer:
        assert limit > 0
        self.asked.append(argv)
        key = " ".join([Path(argv[0]).name, *argv[1:2]])
        return next(
            (answer for name, answer in self.answers.items() if key.startswith(name)), Answer(status=1)
        )


def shown(name: str, *, state: str = "enabled", active: str = "active", **more: str) -> str:
    """A block of the output of `systemctl show`."""
    wanted = "multi-user.target" if state in {"enabled", "enabled-runtime"} else ""
    usual = {"Id": name, "Names": name, "LoadState": "loaded", "ActiveState": active, "SubState": "running"}
    usual |= {"UnitFileState": state, "WantedBy": wanted, "RequiredBy": "", "Environment": ""}
    command = more.pop("argv", "")
    if command:
        program = command.split()[0]
        rest = "ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
        more["ExecStart"] = f"{{ path={program} ; argv[]={command} ; {rest}"
    lines = [f"{key}={value}" for key, value in (usual | more).items()]
    return "\n".join(lines).replace("\0", "\n") + "\n"


def scripted(stem: str, *, enabled: bool = True, active: str = "active") -> str:
    """A unit that systemd makes of an init script."""
    return shown(
        f"{stem}.service",
        state="generated",
        active=active,
        WantedBy="multi-user.target graphical.target" if enabled else "",
        FragmentPath=f"/run/systemd/generator.late/{stem}.service",
        SourcePath=f"/etc/init.d/{stem}",
        argv=f"/etc/init.d/{stem} start",
    )


def whole_show(*blocks: str) -> Answer:
    """The answer for every unit of the catalog: these, and the others not found."""
    present = {
        line.removeprefix("Id=") for block in blocks for line in block.splitlines() if "Id=" in line[:3]
    }
    missing = [
        shown(f"{stem}.service", state="", active="inactive", LoadState="not-found")
        for milter in CATALOG
        for stem in milter.units
        if f"{stem}.service" not in present
    ]
    return Answer("\n".join([*blocks, *missing]).encode())


def tree_units(tree: Path) -> list[str]:
    """Blocks for the unit files of a tree, as systemd would read them."""
    blocks = []
    for path in sorted(tree.glob("**/systemd/system/*.service")):
        values: dict[str, list[str]] = {}
        for line in path.read_text().splitlines():
            name, equals, value = line.partition("=")
            if equals:
                values.setdefault(name, []).append(value)
        more = {"FragmentPath": f"/{path.relative_to(tree)}", "argv": values["ExecStart"][0]}
        more["Environment"] = " ".join(values.get("Environment", []))
        files = [
            f"{value.removeprefix('-')} (ignore_errors=yes)" for value in values.get("EnvironmentFile", [])
        ]
        if files:
            more["EnvironmentFiles"] = "\0EnvironmentFiles=".join(files)
        blocks.append(shown(path.name, **more))
    return blocks


def on(tree: Path, *blocks: str, **answers: Answer) -> Collector:
    """A collector for a tree whose systemd shows these units."""
    programs = {
        name.replace("_", " ").replace("postconf", "postconf -x"): answer for name, answer in answers.items()
    }
    return Collector(
        tree,
        Programs({"systemctl show": whole_show(*blocks), "rspamadm": Answer(RSPAMD.encode()), **programs}),
        booted=True,
    )


def facts_of(*units: Unit, files: Files | None = None, workers: str | None = RSPAMD) -> Facts:
    """Facts of a host with these units."""
    return Facts({unit.name: unit for unit in units}, files or {}, frozenset(), workers)
