"""Commands that change settings files."""

import subprocess
from pathlib import Path

import pytest
import yaml

from mmx.settings.load import Loaded
from mmx.settings.model import Settings
from mmx.tools.check.amend import is_of_files, left_out, replaced


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ('  a: {endpoint: "unix:/x", mode: observe}', '  a: {endpoint: "unix:/r&.sock", mode: observe}'),
        ("    endpoint: unix:/x # there", '    endpoint: "unix:/r&.sock" # there'),
        ("    endpoint: 'local:/x'", '    endpoint: "unix:/r&.sock"'),
    ],
)
def test_a_value_in_a_settings_file_is_replaced(line: str, mended: str, tmp_path: Path) -> None:
    file = tmp_path / "mmx.yaml"
    file.write_text(f"endpoint: first\n{line}\nendpoint: last\n")
    command, reload = replaced(f"{file}:2", "endpoint", "unix:/r&.sock")
    subprocess.run(["/bin/sh", "-c", command], check=True)
    assert file.read_text() == f"endpoint: first\n{mended}\nendpoint: last\n"
    assert reload == "mmx reload"
    command, _ = replaced(f"{file}:2", "endpoint", "unix:/a\"b\\!c'd")
    subprocess.run(["/bin/sh", "-c", command], check=True)
    loaded = yaml.safe_load(file.read_text().splitlines()[1])
    assert loaded.get("a", loaded)["endpoint"] == "unix:/a\"b\\!c'd"
    assert replaced("default", "endpoint", "x") == ()


def test_a_child_is_left_out_by_a_drop_in(tmp_path: Path) -> None:
    *commands, reload = left_out(tmp_path / "mmx.yaml", "no")
    for command in commands:
        subprocess.run(["/bin/sh", "-c", command], check=True)
    written = yaml.safe_load((tmp_path / "conf.d/zz-no.yaml").read_text())
    assert written == {"children": {"no": {"enabled": False}}}
    assert reload == "mmx reload"


def test_where_a_value_stands() -> None:
    loaded = Loaded(Settings(), {}, files=(Path("/etc/mmx/mmx.yaml"),))
    assert is_of_files("/etc/mmx/mmx.yaml:3", loaded)
    assert not is_of_files("/etc/opendkim.conf:3", loaded)
    assert not is_of_files("default", loaded)
