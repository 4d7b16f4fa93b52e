"""The pages in docs/ against the code: what they list is what there is, and every link leads somewhere."""

import json
import logging
import re
from dataclasses import fields
from pathlib import Path

import pytest

from mmx import errors
from mmx.aio.outages import Outages
from mmx.aio.throttle import Throttle
from mmx.aio.waits import Waits, slow_line
from mmx.cli import main
from mmx.core import plan
from mmx.core.action import ChildFailed, ChildRecord, MessageRecord, ObservedRecord
from mmx.core.child import Child
from mmx.core.plan import ChildPlan
from mmx.core.plan import Limits as CoreLimits
from mmx.observe.log import JsonFormatter, Line
from mmx.observe.message_line import MessageLine, failure_line, observed_line
from mmx.observe.metrics import ChildReading, Reading, registry
from mmx.observe.tally import Tally
from mmx.settings.endpoint import parse_endpoint
from mmx.settings.model import After, ChildSettings, Limits, Mode, Settings
from mmx.settings.show import show
from mmx.tools.check.table import KINDS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
REFERENCE = DOCS / "reference"
# Keys that only open a map; the page explains some of them in a row without a default.
MAPS = {"conditions", "default_action", "children.NAME.default_action"}

LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
ROW = re.compile(r"\| `([a-zA-Z0-9_.]+)` \|.*?\|.*?\| (?:`([^`]*)`)? ?\|", re.MULTILINE)
METRIC = re.compile(r"\| `(mmx_\w+)` \| (\w+) \| ([^|]*)\|")
FINDING = re.compile(r"^\| `([a-z-]+\.[a-z-]+)` \| (\w+) \|", re.MULTILINE)
RULE = re.compile(r"(?<![A-Za-z0-9.{_])[WNSMVGEXTFD][1-9][0-9]?\b")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def shown_defaults() -> dict[str, str]:
    """Dotted key to value, as `mmx --show-config` prints the defaults with one child called NAME."""
    text = show(Settings(children=(ChildSettings("NAME"),)), {}).replace('"NAME"', "NAME")
    path: list[str] = []
    values: dict[str, str] = {}
    for line in text.splitlines()[1:]:
        depth = (len(line) - len(line.lstrip())) // 2
        key, _, value = line.strip().partition(":")
        path[depth:] = [key]
        if value:
            values[".".join(path)] = value.removesuffix("  # default").strip()
    return values


def test_page_of_settings_has_every_key_and_default() -> None:
    rows = dict(ROW.findall((REFERENCE / "settings.md").read_text()))
    assert {key: value for key, value in rows.items() if key not in MAPS} == shown_defaults()


@pytest.mark.parametrize("limits", [Limits, CoreLimits])
def test_page_of_limits_has_every_bound(limits: type) -> None:
    page = (REFERENCE / "limits.md").read_text()
    assert [field.name for field in fields(limits) if f"`{field.name}`" not in page] == []


def every_line() -> list[Line]:
    """Lines with all fields that lines of their kind can have."""
    child = ChildRecord("NAME", "reject", "EOM", 0.1, "why", "because")
    texts = (b"queue", b"client", b"helo", b"sender")
    record = MessageRecord("s", *texts, 1, 1, 1, "reject", b"550 no", "NAME", "why", 0.1, (child,))
    plan, outages = ChildPlan("NAME", "unix:/run/name"), Outages(Throttle(60.0))
    failed = ChildFailed(Child(plan), "EOM", "eof", "closed", "accept")
    outages.failed(failed, 0.0)
    back = outages.answered(plan, 1.0)
    assert back is not None
    slow = slow_line(plan, Waits(1, 1, 0.0), 6.0)
    edits = (("ADDHEADER", 1),)
    seen = ObservedRecord("s", b"queue", "NAME", "reject", "EOM", b"550 no", 1, edits, "accept", "why", 0.1)
    return [MessageLine(record), failure_line("s", failed), back, slow, observed_line(seen)]


def test_page_of_metrics_has_every_metric_and_label() -> None:
    page = (REFERENCE / "metrics.md").read_text()
    endpoint = parse_endpoint("unix:/run/child.sock")
    after = After("NAME", ("accept",))
    children = (
        ChildSettings("NAME", endpoint, when=("remote",)),
        ChildSettings("LATER", endpoint, after=after, max_size=1),
        ChildSettings("TRY", endpoint, mode=Mode.OBSERVE),
    )
    tally = Tally(Settings(children=children))
    reading = Reading(children={child.name: ChildReading(up=True) for child in children})
    told = {row[0]: row[1:] for row in METRIC.findall(page)}
    words = set(re.findall(r"`(\w+)`", page))
    names = set()
    for family in registry(tally, lambda: reading).collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        names.add(name)
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert (told[name][0], set(re.findall(r"`(\w+)`", told[name][1]))) == (family.type, labels)
        values = [sample.labels for sample in family.samples if name != "mmx_build_info"]
        said = {value for one in values for label, value in one.items() if label not in {"child", "le"}}
        assert said - {"remote"} <= words | set(plan.DEFAULT_ACTIONS)
    assert set(told) == names


def test_page_of_the_log_has_every_field() -> None:
    page = (REFERENCE / "log-line.md").read_text()
    names = [name for line in every_line() for name in re.findall(r"([a-zA-Z_.]+)=", str(line))]
    assert len(names) >= 23
    assert [name for name in names if f"| `{name}` |" not in page] == []


def test_page_of_the_log_has_every_field_of_its_objects() -> None:
    page = (REFERENCE / "log-line.md").read_text()
    for line in every_line():
        record = logging.LogRecord("mmx", logging.INFO, "", 0, line, None, None)
        entry = json.loads(JsonFormatter().format(record))
        share = entry.pop("child", {})
        if isinstance(share, dict):
            assert set(share) == {"NAME"}
            entry |= {f"child.NAME.{key}": value for key, value in share["NAME"].items()}
        assert [key for key in entry if f"| `{key}` |" not in page] == []
        # Whatever stands in the text is a field of the object.
        in_text = set(re.findall(r"([a-zA-Z_.]+)=", str(line))) - {"child.NAME", "child"}
        assert in_text <= set(entry)


@pytest.mark.parametrize("command", [[], ["check"], ["explain"], ["held"], ["filter"], ["test"], ["bench"]])
def test_page_of_the_command_line_has_every_option(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    options = re.findall(r"(?<!\S)--?[a-z][a-z-]*", capsys.readouterr().out)
    page = (REFERENCE / "command-line.md").read_text()
    assert [option for option in options if f"`{option}" not in page] == []


@pytest.mark.parametrize(
    "status", sorted({value for name, value in vars(errors).items() if name.startswith("EX_")})
)
def test_page_of_the_command_line_has_every_exit_status(status: int) -> None:
    assert f"\n| {status} |" in (REFERENCE / "command-line.md").read_text()


def test_page_of_findings_has_every_kind() -> None:
    rows = FINDING.findall((REFERENCE / "findings.md").read_text())
    assert dict(rows) == {kind.name: kind.level.word for kind in KINDS}
    assert len(dict(rows)) == len(rows)


def test_rules_that_are_cited_are_in_the_rule_book() -> None:
    book = (REFERENCE / "milter-protocol.md").read_text()
    known = set(re.findall(r"^- \*\*([A-Z][0-9]+)\*\*", book, flags=re.MULTILINE))
    missing = {
        f"{name_of(path)}: {rule}"
        for path in (ROOT / "mmx").rglob("*.py")
        for rule in RULE.findall(path.read_text())
        if rule not in known
    }
    assert missing == set()
    assert re.findall(r"^([0-9]+)\. ", book[book.index("## 8. ") :], flags=re.MULTILINE) == [
        str(number) for number in range(1, 63)
    ]


def test_differences_name_scenarios_that_exist() -> None:
    names = re.findall(
        r"`((?:traps|checklist)/[a-z0-9-]+)`", (REFERENCE / "differences-from-postfix.md").read_text()
    )
    assert len(names) >= 15
    missing = [name for name in names if not (ROOT / f"tests/scenarios/{name}.scenario").is_file()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target, _ in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / target).resolve()
        for page in PAGES
        for target, _ in LINK.findall(page.read_text())
        if "://" not in target
    }
    pages = [page for page in PAGES if page.parent.parent == DOCS]
    assert len(pages) >= 15
    assert [name_of(page) for page in pages if page not in linked] == []
