"""Lines for syslogd."""

import io
import logging
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmx.observe import syslog
from mmx.observe.log import Line, set_up
from mmx.settings.model import LogFormat, LogSettings, LogTarget

pytestmark = pytest.mark.usefixtures("logger_restored")

TO_SYSLOG = LogSettings(to=LogTarget.SYSLOG)
HEAD = r"<%d>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mmx\[\d+\]: "


class Syslogd:
    """The socket of a syslogd."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def lines(self) -> list[str]:
        lines = []
        while True:
            try:
                lines.append(self.socket.recv(65536).decode())
            except BlockingIOError:
                return lines

    def stop(self) -> None:
        self.socket.close()
        self.path.unlink()


@pytest.fixture
def syslogd(tmp_path: Path) -> Iterator[Syslogd]:
    one = Syslogd(tmp_path / "log")
    yield one
    one.socket.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def logger_to(path: Path, settings: LogSettings = TO_SYSLOG) -> tuple[logging.Logger, io.StringIO]:
    stderr = io.StringIO()
    return set_up(settings, stderr, {}, syslog=str(path)), stderr


def test_lines_have_facility_mail_and_their_severity(syslogd: Syslogd) -> None:
    logger, stderr = logger_to(syslogd.path)
    logger.info(Line("message", {"session": "1"}))
    logger.warning("child failed")
    logger.error("no room")
    for line, number, text in zip(
        syslogd.lines(), (22, 20, 19), ("message session=1", "child failed", "no room"), strict=True
    ):
        assert re.fullmatch(HEAD % number + re.escape(text), line)
    assert stderr.getvalue() == ""


def test_objects_go_there_too(syslogd: Syslogd) -> None:
    logger, _ = logger_to(syslogd.path, LogSettings(LogFormat.JSON, to=LogTarget.SYSLOG))
    logger.info(Line("message", {"session": "1"}))
    assert syslogd.lines()[0].endswith('"text": "message", "event": "message", "session": "1"}')


def test_a_traceback_is_a_line_each(syslogd: Syslogd) -> None:
    logger, _ = logger_to(syslogd.path)
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("broken")
    lines = syslogd.lines()
    assert lines[0].endswith("]: broken")
    assert lines[-1].endswith("]: ValueError: bad")
    assert all(re.match(HEAD % 19, line) for line in lines)


def test_without_syslogd_lines_go_to_standard_error(tmp_path: Path) -> None:
    logger, stderr = logger_to(tmp_path / "none")
    logger.warning("child failed")
    assert stderr.getvalue() == "warning: child failed\n"


def test_a_restart_of_syslogd_is_survived(syslogd: Syslogd, clock: list[float]) -> None:
    logger, stderr = logger_to(syslogd.path)
    logger.info("one")
    syslogd.stop()
    logger.info("two")
    after = Syslogd(syslogd.path)
    try:
        logger.info("three")
        clock[0] += syslog.RETRY
        logger.info("four")
        assert [line.rpartition(" ")[2] for line in after.lines()] == ["four"]
    finally:
        after.stop()
    assert stderr.getvalue() == "info: two\ninfo: three\n"


def test_a_syslogd_that_takes_nothing_is_not_waited_for(syslogd: Syslogd) -> None:
    logger, stderr = logger_to(syslogd.path)
    for number in range(5000):
        logger.info("line %d", number)
    taken = syslogd.lines()
    assert len(taken) < 5000
    logger.info("the last")
    told, last = syslogd.lines()
    lost = 5000 - len(taken)
    assert told.endswith(f"]: {lost} lines before were lost: syslogd did not take them")
    assert last.endswith("]: the last")
    assert stderr.getvalue() == ""


def test_a_line_is_bounded(syslogd: Syslogd) -> None:
    logger, _ = logger_to(syslogd.path)
    logger.info("x" * 100_000)
    assert [len(line) for line in syslogd.lines()] == [syslog.LONGEST_LINE]
