"""How daemons are told who may use their sockets."""

import subprocess
from pathlib import Path

import pytest

from mmx.aio.socket_modes import socket_mode

PATH = "/run/x/x.sock"


@pytest.mark.parametrize(
    ("child", "before", "after"),
    [
        (
            "opendkim",
            "Socket local:/x\n  umask 022\nUMaskNot 1\n",
            "Socket local:/x\nUMaskNot 1\nUMask 007\n",
        ),
        ("dkimpy-milter", "# UMask 002\n", "# UMask 002\nUMask 007\n"),
        ("pyspf-milter", "UMask = 0022\n", "UMask = 007\n"),
        ("clamav-milter", "MilterSocketMode 600\n", "MilterSocketMode 660\n"),
        ("milter-greylist", 'socket "/a"\nquiet\n', f'quiet\nsocket "{PATH}" 660\n'),
        ("rspamd", "", f'bind_socket = "{PATH} mode=0660";\n'),
        ("spamass-milter", "SOCKETMODE=0600\n", 'SOCKETMODE=0600\nSOCKETMODE="0660"\n'),
        ("amavisd-milter", "", 'MILTERSOCKETMODE="0660"\n'),
    ],
)
def test_the_commands_leave_one_setting(child: str, before: str, after: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(before)
    for command in socket_mode(child, PATH).commands:
        where = command.split()[-1]
        assert where.startswith("/etc/")
        subprocess.run(["/bin/sh", "-c", command.replace(where, str(file))], check=True)
    assert file.read_text() == after


def test_an_instance_is_told_as_its_template() -> None:
    assert socket_mode("opendkim@one", PATH) == socket_mode("opendkim", PATH)
    assert "/etc/opendkim.conf" in socket_mode("opendkim", PATH).told


def test_of_others_nothing_is_known() -> None:
    mode = socket_mode("archive", PATH)
    assert (mode.told, mode.commands) == ("have archive make its socket with mode 0660", ())


def test_a_path_that_a_shell_would_not_take_as_it_is() -> None:
    mode = socket_mode("milter-greylist", "/run/'; rm x")
    assert mode.commands == ()
    assert "/run/'; rm x" in mode.told
