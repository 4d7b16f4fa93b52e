"""The metrics against a scripted run of 1,000 sessions: every sample is what the run itself counted."""

import asyncio
import math
from functools import partial
from pathlib import Path

import pytest

from mmx.aio.plan import make_chain
from mmx.aio.reading import read
from mmx.aio.sessions import Sessions
from mmx.observe.metrics import registry
from mmx.settings.model import Limits
from tests.aio.peers import until
from tests.aio.scripted_peers import ScriptedServer, play
from tests.aio.scripted_run import CHAIN, GONE, OBSERVER, Key, Run, key
from tests.aio.test_conditions import settings_of

SESSIONS = 1000
AT_ONCE = 20
SEED = 20

_EXTRA = {"guarded": "when: [not partners]", "small": "max_size: 3000B"}
# What the clock says, and not the script.
_OF_THE_MOMENT = ("mmx_event_loop_lag_seconds", "mmx_config_last_reload_success_timestamp_seconds")


def settings_text(directory: Path) -> str:
    lines = [
        f"spool_directory: {directory}",
        "detect: false",
        "conditions: {partners: {sender_domain: [example.com]}}",
        "children:",
    ]
    for name, action in CHAIN.items():
        extra = f", {_EXTRA[name]}" if name in _EXTRA else ""
        lines.append(
            f"  {name}: {{endpoint: 'unix:{directory}/{name}.sock', default_action: {action}{extra}}}"
        )
    lines.append(f"  {GONE}: {{endpoint: 'unix:{directory}/{GONE}.sock', default_action: accept}}")
    lines.append(f"  {OBSERVER}: {{endpoint: 'unix:{directory}/{OBSERVER}.sock', mode: observe}}")
    return "\n".join(lines)


def samples(sessions: Sessions) -> dict[Key, float]:
    made = registry(sessions.tally, lambda: read(sessions, settings_good=True))
    return {
        key(sample.name, **sample.labels): sample.value
        for family in made.collect()
        for sample in family.samples
    }


@pytest.mark.slow
async def test_metrics_equal_what_the_sessions_did(directory: Path) -> None:
    run = Run(SEED, SESSIONS)
    servers = [ScriptedServer(directory, name, run) for name in CHAIN]
    servers.append(ScriptedServer(directory, OBSERVER, run, observes=True))
    for server in servers:
        await server.start()
    settings = settings_of(settings_text(directory))
    loop = asyncio.get_running_loop()
    sessions = Sessions(settings, make_chain(settings), max_sessions=SESSIONS, loop=loop)
    path = directory / "mmx.sock"
    mmx = await loop.create_unix_server(partial(sessions.accept, ""), path)
    before = samples(sessions)

    turn = asyncio.Semaphore(AT_ONCE)

    async def in_turn(number: int) -> None:
        async with turn:
            await play(run, number, path)

    await asyncio.gather(*map(in_turn, range(SESSIONS - 1)))
    await play(run, SESSIONS - 1, path)
    await until(lambda: len(sessions) == len(sessions.observers) == 0)
    found = samples(sessions)
    mmx.close()
    await sessions.drain(0)
    await until(lambda: not any(server.open for server in servers))
    for server in servers:
        server.close()

    assert set(found) == set(before), "nothing that happens makes a series"
    compare(found, run)


def compare(found: dict[Key, float], run: Run) -> None:
    expected = {
        name_and_labels: float(run.expected[name_and_labels])
        for name_and_labels in found
        if not name_and_labels[0].endswith(("_bucket", "_sum")) and name_and_labels[0] not in _OF_THE_MOMENT
    }
    for name in (*CHAIN, OBSERVER):
        expected[key("mmx_child_up", child=name)] = 1.0
    expected[key("mmx_config_last_reload_successful")] = 1.0
    expected[key("mmx_spool_limit_bytes")] = float(Limits().max_spool)
    expected[next(one for one in found if one[0] == "mmx_build_info")] = 1.0
    wrong = {one: (found[one], number) for one, number in expected.items() if found[one] != number}
    assert wrong == {}, "found and expected"
    assert set(run.expected) <= set(expected), "all that was counted has a series"
    check_histograms(found)


def check_histograms(found: dict[Key, float]) -> None:
    """How long something took is the machine's affair; that the steps add up is not."""
    rows: dict[Key, list[tuple[float, float]]] = {}
    for (name, labels), number in found.items():
        if name == "mmx_child_duration_seconds_bucket":
            rest = {label: value for label, value in labels if label != "le"}
            rows.setdefault(key("mmx_child_duration_seconds_count", **rest), []).append(
                (float(dict(labels)["le"]), number)
            )
    for counter, steps in rows.items():
        numbers = [number for _, number in sorted(steps)]
        assert numbers == sorted(numbers)
        assert max(steps) == (math.inf, found[counter])
        total = found[counter[0].replace("_count", "_sum"), counter[1]]
        assert (total > 0) <= (found[counter] > 0)


def test_the_script_has_everything_in_it() -> None:
    """The run is worth its name: each kind of thing that can be counted happens in it."""
    plans = Run(SEED, SESSIONS).plans
    deeds = {(m.deed.child, m.deed.code, m.deed.what) for plan in plans for m in plan.messages if m.deed}
    assert len(deeds) > 150
    assert sum(plan.probe for plan in plans) > 10
    assert {m.given_up for plan in plans for m in plan.messages} == {True, False}
