"""Every scenario, played against the core alone."""

from pathlib import Path

import pytest

from tests.scenarios import core_player, model
from tests.scenarios.format import all_files, load


def name_of(path: Path) -> str:
    return str(path.relative_to(model.HERE).with_suffix(""))


@pytest.mark.parametrize("path", all_files(), ids=name_of)
def test_core(path: Path) -> None:
    core_player.play(load(path))
