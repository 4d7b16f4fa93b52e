"""The registry: what it holds, and that it holds all of it from the start."""

from dataclasses import replace

from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from mmx.core.action import ChildRecord, MessageRecord
from mmx.observe.metrics import FAMILIES, ChildReading, Reading, registry
from mmx.observe.tally import BOUNDS, WAITED_FOR, Tally
from mmx.settings.model import Mode, Settings
from mmx.wire import command
from tests.observe.test_tally import child, tally

READING = Reading(
    version="1.2.3",
    sessions=4,
    spool_bytes=500,
    spool_limit=900,
    loop_lag=0.25,
    settings_good=False,
    settings_taken_at=1_000_000.0,
    children={
        "a": ChildReading(up=True, sessions=3, oldest_wait=1.5),
        "b": ChildReading(up=False, taken_out=True),
    },
)

Labels = tuple[tuple[str, str], ...]


def samples(made: Tally, reading: Reading = READING) -> dict[tuple[str, Labels], float]:
    """Every sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in registry(made, lambda: reading).collect()
        for sample in family.samples
    }


def value(made: Tally, name: str, **labels: str) -> float:
    return samples(made)[name, tuple(sorted(labels.items()))]


def test_every_family_is_there_once() -> None:
    names = [family.name for family in registry(tally(), Reading).collect()]
    assert sorted(names) == sorted(FAMILIES)


def test_gauges_are_read_at_the_scrape() -> None:
    readings = iter((READING, Reading(sessions=5)))
    made = registry(tally(), lambda: next(readings))
    assert made.get_sample_value("mmx_sessions_active") == 4
    assert made.get_sample_value("mmx_sessions_active") == 5


def test_gauges() -> None:
    made = tally()
    assert value(made, "mmx_spool_bytes") == 500
    assert value(made, "mmx_spool_limit_bytes") == 900
    assert value(made, "mmx_event_loop_lag_seconds") == 0.25
    assert value(made, "mmx_config_last_reload_successful") == 0
    assert value(made, "mmx_config_last_reload_success_timestamp_seconds") == 1_000_000
    assert value(made, "mmx_child_up", child="a") == 1
    assert value(made, "mmx_child_up", child="b") == 0
    assert value(made, "mmx_child_taken_out", child="a") == 0
    assert value(made, "mmx_child_taken_out", child="b") == 1
    assert value(made, "mmx_child_sessions_active", child="a") == 3
    assert value(made, "mmx_child_oldest_wait_seconds", child="a") == 1.5
    (build,) = (labels for name, labels in samples(made) if name == "mmx_build_info")
    assert dict(build)["version"] == "1.2.3"


def test_all_counters_start_at_0() -> None:
    made = Tally(Settings(children=(child("a", "remote"), child("b"))))
    found = samples(made, Reading())
    del found["mmx_build_info", next(labels for name, labels in found if name == "mmx_build_info")]
    found["mmx_config_last_reload_successful", ()] -= 1
    assert set(found.values()) == {0.0}
    assert ("mmx_child_skipped_total", (("child", "a"), ("condition", "remote"))) in found
    for name in ("a", "b"):
        labels = (("child", name), ("reason", "refused"), ("stage", "connect"))
        assert ("mmx_child_failures_total", labels) in found


def test_a_message_adds_and_nothing_else_appears() -> None:
    made = tally()
    before = samples(made)
    share = ChildRecord("a", "continue", "EOM", 0.3, waited={command.EOM: 0.3}, edits=(("ADDHEADER", 2),))
    made.message(MessageRecord("s", b"id", b"c", b"h", b"f", 1, 0, 9, "accept", b"", "", "", 0.3, (share,)))
    after = samples(made)
    assert set(after) == set(before)
    changed = {key: number for key, number in after.items() if number != before[key]}
    labels = (("child", "a"), ("stage", "EOM"))
    in_steps: dict[tuple[str, Labels], float] = {
        ("mmx_child_duration_seconds_bucket", (("child", "a"), ("le", le), ("stage", "EOM"))): 1.0
        for le in ("0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "120.0", "300.0", "+Inf")
    }
    expected: dict[tuple[str, Labels], float] = {
        ("mmx_messages_total", (("verdict", "accept"),)): 1,
        ("mmx_message_bytes_total", ()): 9,
        ("mmx_child_verdicts_total", (("child", "a"), ("stage", "EOM"), ("verdict", "continue"))): 1,
        ("mmx_child_edits_total", (("child", "a"), ("kind", "ADDHEADER"))): 2,
        ("mmx_child_duration_seconds_count", labels): 1,
        ("mmx_child_duration_seconds_sum", labels): 0.3,
        **in_steps,
    }
    assert changed == expected


def test_histograms_are_complete() -> None:
    made = tally(child("a"))
    buckets = [labels for name, labels in samples(made) if name == "mmx_child_duration_seconds_bucket"]
    assert len(buckets) == len(WAITED_FOR) * (len(BOUNDS) + 1)


def test_both_formats_can_be_read() -> None:
    made = registry(tally(child("a", "remote"), child("b")), lambda: READING)
    assert len(list(parse(generate_latest(made).decode()))) == len(FAMILIES)
    text = openmetrics.generate_latest(made).decode()  # type: ignore[no-untyped-call]  # the library's
    families = parse_openmetrics(text)  # type: ignore[no-untyped-call]  # likewise
    assert {family.name for family in families} == set(FAMILIES)


def test_a_child_that_leaves_takes_its_series_with_it() -> None:
    settings = Settings(children=(child("a"), child("b")))
    made = Tally(settings)
    made.follow(Settings(children=(child("a"),)))
    children = {dict(labels).get("child") for _, labels in samples(made, Reading())}
    assert children == {None, "a"}


def test_a_child_that_observes() -> None:
    observed = ChildReading(up=True)
    settings = Settings(children=(child("a"), replace(child("try"), mode=Mode.OBSERVE)))
    found = samples(Tally(settings), Reading(children={"try": observed}))
    assert found["mmx_child_up", (("child", "try"),)] == 1
    assert ("mmx_observed_verdicts_total", (("child", "try"), ("verdict", "missed"))) in found
    assert not any(
        name == "mmx_child_verdicts_total" and ("child", "try") in labels for name, labels in found
    )
