"""A status as a busy host with one dead, one slow and one hung child has it; also for looking at the page.

python -m tests.observe.example DIRECTORY      writes index.html and style.css
"""

import random
import sys
from dataclasses import replace
from pathlib import Path

from mmx.core.action import ChildFailed, ChildRecord, MessageRecord
from mmx.core.child import Child
from mmx.core.plan import ChildPlan
from mmx.observe.history import History, HistoryView
from mmx.observe.page import page
from mmx.observe.status import DOWN, UP, ChildStatus, Status
from mmx.observe.style import STYLE
from mmx.settings.model import ChildSettings, Settings
from mmx.settings.show import show

NOW = 1_790_000_000.0
PACE = {
    "milter-greylist": 0.003,
    "opendkim": 0.012,
    "opendmarc": 0.006,
    "clamav-milter": 0.4,
    "rspamd": 0.08,
    "archive": 0.002,
}


def history() -> History:
    """An hour of mail, the same each time."""
    dice, made = random.Random(7), History(keeps_addresses=False)
    made.reload("started, children: 5", NOW - 200_000, succeeded=True)
    made.reload("child archive added; order is now milter-greylist, opendkim", NOW - 4000, succeeded=True)
    problem = (
        "/etc/mmx/conf.d/50-local.yaml:3: limits.backlog: 0: out of bounds; write a number from 1 to 1000000"
    )
    made.reload(
        f"the settings are wrong; the former settings stay in force\n{problem}", NOW - 900, succeeded=False
    )
    for minute in range(60):
        if 20 <= minute < 24:
            continue
        for number in range(dice.randrange(4, 12)):
            made.message(_record(dice, minute, number), NOW - 60 * (59 - minute) - 50 + 4 * number)
    refused = ChildFailed(
        Child(ChildPlan("clamav-milter")),
        "connect",
        "refused",
        "clamav-milter at unix:/run/clamav/clamav-milter.ctl: "
        "Connection refused (ECONNREFUSED); is clamav-milter running?",
        "accept",
    )
    for number in range(14):
        made.failure(refused, NOW - 312 + 20 * number)
    hung = ChildFailed(Child(ChildPlan("opendmarc")), "EOM", "timeout", "no answer within 240 s", "tempfail")
    made.failure(hung, NOW - 12)
    return made


def _record(dice: random.Random, minute: int, number: int) -> MessageRecord:
    verdict = dice.choices(["accept", "reject", "tempfail", "quarantine", "aborted"], [70, 14, 8, 3, 2])[0]
    decider, stage = {
        "reject": ("rspamd", "EOM"),
        "tempfail": ("milter-greylist", "RCPT"),
        "quarantine": ("opendmarc", "EOM"),
    }.get(verdict, ("", ""))
    shares = []
    for name, pace in PACE.items():
        word = verdict if name == decider else "continue"
        slow = 4.0 if name == "rspamd" and minute > 50 else 1.0
        shares.append(ChildRecord(name, word, stage or "EOM", pace * slow * dice.lognormvariate(0, 0.7)))
    queue_id = f"4Xy{dice.randrange(10**6, 10**7):x}z{number}".encode()
    seconds = sum(share.seconds for share in shares)
    return MessageRecord(
        "0343b033",
        queue_id,
        b"mail.example.net[192.0.2.7]",
        b"mail.example.net",
        b"<ann@example.net>",
        1,
        0,
        1432,
        verdict,
        b"",
        decider,
        "",
        seconds,
        tuple(shares),
    )


SOCKETS = {
    "milter-greylist": ("/run/milter-greylist/milter-greylist.sock", "/etc/milter-greylist/greylist.conf:8"),
    "opendkim": ("/run/opendkim/opendkim.sock", "/etc/opendkim.conf:41"),
    "opendmarc": ("/run/opendmarc/opendmarc.sock", "/etc/opendmarc.conf:88"),
    "clamav-milter": ("/run/clamav/clamav-milter.ctl", "/etc/clamav/clamav-milter.conf:12"),
    "rspamd": ("/run/rspamd/milter.sock", "rspamadm configdump"),
    "archive": ("/run/archive/archive.sock", "/etc/mmx/mmx.yaml:22"),
}
WHY = "refused: clamav-milter at unix:/run/clamav/clamav-milter.ctl: Connection refused (ECONNREFUSED)"
STAGES = ("connect", "between messages", "envelope", "data", "content", "end of message")


def children(view: HistoryView) -> tuple[ChildStatus, ...]:
    """One is down, one slow."""
    made = {
        name: ChildStatus(
            name,
            f"unix:{socket}",
            origin,
            state=UP,
            connections=7,
            default_action="tempfail",
            history=view.of(name),
        )
        for name, (socket, origin) in SOCKETS.items()
    }
    action = "accept if unreachable, tempfail if it dies"
    down = replace(made["clamav-milter"], state=DOWN, why=WHY, since=NOW - 312, connections=0)
    made["clamav-milter"] = replace(down, content="original", default_action=action)
    made["milter-greylist"] = replace(made["milter-greylist"], when="remote, unauthenticated, s25r")
    made["rspamd"] = replace(made["rspamd"], waiting=3, oldest_wait=6.4, slow=True)
    made["archive"] = replace(made["archive"], observes=True)
    return tuple(made.values())


def status() -> Status:
    """The whole."""
    view = history().view(NOW)
    settings = Settings(children=tuple(ChildSettings(name) for name in PACE))
    return Status(
        at=NOW,
        started=NOW - 200_000,
        version="0.1.0",
        listeners=("unix:/var/spool/postfix/mmx/mmx.sock",),
        children=children(view),
        left_out=(("spamass-milter", "its unit is disabled"), ("openarc", "enabled: no")),
        sessions=dict(zip(STAGES, (1, 4, 2, 0, 1, 3), strict=True)),
        max_sessions=16_000,
        spool_used=3_500_000,
        spool_limit=4 << 30,
        settings_path="/etc/mmx/mmx.yaml",
        settings_good=False,
        warnings=("conf.d/10.yaml:3: children.archive: nobody signs after it; put it before opendkim",),
        settings_text=show(settings, {"children.opendkim.endpoint": "/etc/opendkim.conf:41"}),
        history=view,
    )


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    (directory / "index.html").write_text(page(status()))
    (directory / "style.css").write_text(STYLE)
