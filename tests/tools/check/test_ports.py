"""Ports that somebody listens on."""

import socket
import sys
from pathlib import Path

import pytest

from mmx.tools.check.ports import listening, outward, read

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:22BD 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100
   1: 00000000:2C44 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100
   2: 0100007F:22BD 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100
"""
TABLE6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:22BD 00000000000000000000000000000000:0000 0A 0
   1: 00000000000000000000000000000000:22BD 00000000000000000000000000000000:0000 0A 0
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the tables are those of such a machine")
def test_tables() -> None:
    assert list(read(TABLE)) == [("127.0.0.1", 8893), ("0.0.0.0", 11332)]
    assert list(read(TABLE6)) == [("::1", 8893), ("::", 8893)]


def test_a_real_socket(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listening()[port] == {"127.0.0.1"}
    assert listening((tmp_path / "none",)) == {}


def test_what_others_reach() -> None:
    local = frozenset({"127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"})
    assert outward(local) == ()
    assert outward(local | {"::", "192.0.2.1"}) == ("192.0.2.1", "::")
