"""A host to install on, in a temporary directory: its accounts are files, its programs are imitated.

The imitation of postconf keeps parameters in a dictionary and understands the forms that mmx uses; `$name` in
a value is put in when asked for with -x.
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from mmx.detect.commands import Answer
from mmx.tools.install.steps import Target

DEBIAN = {
    "passwd": "root:x:0:0::/root:/bin/bash\npostfix:x:102:105::/var/spool/postfix:/usr/sbin/nologin\n",
    "group": "root:x:0:\nmail:x:8:\npostfix:x:105:\nopendkim:x:108:\nclamav:x:111:\n_rspamd:x:110:\n",
}
EL = {
    "passwd": "root:x:0:0::/root:/bin/bash\npostfix:x:89:89::/var/spool/postfix:/sbin/nologin\n",
    "group": "root:x:0:\nmail:x:12:\npostfix:x:89:\nopendkim:x:990:\nclamilt:x:991:\ngrmilter:x:992:\n"
    "sa-milt:x:993:\n",
}


class FakeHost:
    """The tree below `root` and every command that was run."""

    def __init__(self, root: Path, files: Mapping[str, str] = DEBIAN) -> None:
        self.root = root
        self.commands: list[tuple[str, ...]] = []
        self.postfix: dict[str, str] = {}
        self.statuses: dict[str, int] = {"is-enabled": 1, "status": 1}
        (root / "etc/postfix").mkdir(parents=True)
        (root / "usr/bin").mkdir(parents=True)
        (root / "usr/bin/systemctl").touch()
        (root / "etc/postfix/main.cf").touch()
        for name, text in files.items():
            (root / "etc" / name).write_text(text)

    def target(self) -> Target:
        return Target(self.root, self.run)

    def text(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    def ran(self, *words: str) -> bool:
        return any(all(word in command for word in words) for command in self.commands)

    def run(self, argv: Sequence[str], _limit: float) -> Answer:
        if argv[0].endswith("postconf"):
            return self._postconf(list(argv[3:]))
        self.commands.append(tuple(argv))
        self._imitate(list(argv))
        return Answer(status=next((status for word, status in self.statuses.items() if word in argv), 0))

    def _imitate(self, argv: list[str]) -> None:
        if argv[0] == "systemd-sysusers":
            lines = self.text("/etc/sysusers.d/mmx.conf").splitlines()
            groups = [line.split()[2] for line in lines if line.startswith("m ")]
            self.add_user(groups)
        elif argv[0] == "useradd":
            self.add_user([])
        elif argv[0] == "usermod":
            self.add_user(argv[-2].split(","))
        elif argv[0] == "systemd-tmpfiles":
            (self.root / "var/spool/postfix/mmx").mkdir(parents=True, exist_ok=True)
        elif "enable" in argv:
            self.statuses["is-enabled"] = 0

    def add_user(self, groups: Sequence[str]) -> None:
        if "mmx:" not in self.text("/etc/passwd"):
            with (self.root / "etc/passwd").open("a") as passwd:
                passwd.write("mmx:x:998:998::/var/lib/mmx:/usr/sbin/nologin\n")
        rows = [line.split(":") for line in self.text("/etc/group").splitlines()]
        for row in rows:
            members = [name for name in row[3].split(",") if name]
            if row[0] in groups and "mmx" not in members:
                row[3] = ",".join([*members, "mmx"])
        (self.root / "etc/group").write_text("".join(":".join(row) + "\n" for row in rows))

    def _postconf(self, words: list[str]) -> Answer:
        flags, *names = words
        if flags in {"-e", "-P"} and names and "=" in names[0]:
            self.commands.append(("postconf", *words))
            name, _, value = names[0].partition("=")
            self.postfix[name] = value
            return Answer()
        if flags == "-X":
            self.commands.append(("postconf", *words))
            del self.postfix[names[0]]
            return Answer()
        known = self.postfix | {"queue_directory": "/var/spool/postfix"}
        found = {
            name: value
            for name, value in known.items()
            if any(fnmatchcase(name, pattern) for pattern in names)
        }
        if "x" in flags:
            found = {name: self._full(value) for name, value in found.items()}
        if "h" in flags:
            return Answer("".join(f"{value}\n" for value in found.values()).encode())
        return Answer("".join(f"{name} = {value}\n" for name, value in found.items()).encode())

    def _full(self, value: str) -> str:
        return re.sub(r"\$\{?(\w+)\}?", lambda match: self.postfix.get(match[1], ""), value)
