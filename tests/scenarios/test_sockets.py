"""Every scenario through real sockets, in every segmentation."""

from pathlib import Path

import pytest

from tests.scenarios import model, socket_player
from tests.scenarios.format import all_files, load

FILES = [path for path in all_files() if load(path).sockets]


def name_of(path: Path) -> str:
    return str(path.relative_to(model.HERE).with_suffix(""))


@pytest.mark.parametrize("cut", socket_player.SEGMENTATIONS)
@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_sockets(path: Path, cut: str) -> None:
    socket_player.play(load(path), cut)
