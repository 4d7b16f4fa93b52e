"""docs/tutorial/mail-filter.md, followed to the letter on a machine that has only what its page installs."""

import shutil
from collections.abc import Iterator

import pytest

from tests.integration import machine, packages
from tests.integration.machine import SOURCE, MailHost
from tests.integration.postfix import eventually
from tests.integration.tutorial import Block, blocks, fits

PAGE = SOURCE / "docs/tutorial/mail-filter.md"
NEEDED = (
    *machine.PACKAGES,
    *packages.DEBIAN_PACKAGING,
    "python3-dnspython",
    "swaks",
    "w3m",
    "curl",
    "prometheus",
)
STRANGERS = ("amavisd-milter", "dkimpy-milter", "pyspf-milter", "spamass-milter")
EMPTY = f"""
set -e
export DEBIAN_FRONTEND=noninteractive
# There is no network: what is installed is the newest that apt knows.
rm -rf /var/lib/apt/lists/*
systemctl kill -s KILL {" ".join(STRANGERS)}
systemctl stop {" ".join(STRANGERS)}
apt-get purge -q -y {" ".join(STRANGERS)}
# As their packages leave them.
rm -f /etc/postfix/main.cf /var/mail/root
echo 'postfix postfix/main_mailer_type select Internet Site' | debconf-set-selections
echo 'postfix postfix/mailname string mmx-lab.test' | debconf-set-selections
dpkg-reconfigure -f noninteractive postfix
sed -i 's/^OnInfected .*/OnInfected Quarantine/' /etc/clamav/clamav-milter.conf
systemctl restart clamav-milter postfix
"""
END = "--end-of-block--"


class Reader:
    """Somebody who types what the page says into one shell, and looks at what comes."""

    def __init__(self, host: MailHost, directory: str) -> None:
        self._shell = host.start_shell()
        self.type(f"cd {directory}; trap 'failed=$?' ERR")

    def type(self, commands: str) -> tuple[int, str]:
        """Exit status of the last command that failed, and output of all."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"failed=0\n{commands}\necho {END} $failed\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        for line in self._shell.stdout:
            if line.startswith(END):
                return int(line.split()[1]), "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell has ended: {''.join(lines)}")

    def close(self) -> None:
        self._shell.communicate("exit\n")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    packages.require(NEEDED)
    with MailHost(with_mmx=False) as host:
        host.run(EMPTY)
        host.start_rspamd()
        source = host.share / "mmx"
        source.mkdir()
        for name in ("LICENSE", "Makefile", "README.md", "pyproject.toml"):
            shutil.copy(SOURCE / name, source)
        for name in ("docs", "etc", "mmx", "systemd", "tests"):
            shutil.copytree(SOURCE / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        made = Reader(host, str(source))
        yield made
        made.close()


def follow(reader: Reader, block: Block) -> None:
    """Run a block and look at what it does."""
    seen = []

    def as_shown() -> bool:
        seen.append(reader.type(block.commands))
        return block.shown is None or fits(block.shown, seen[-1][1])

    right = eventually(as_shown, 60.0, 1.0) if block.until else as_shown()
    status, printed = seen[-1]
    where = f"{PAGE.name}:{block.line}"
    assert status == block.status, f"{where}: status {status}\n{block.commands}\n{printed}"
    assert right, f"{where}: shown is\n{block.shown}\nand printed was\n{printed}"


def test_blocks_belong_together() -> None:
    text = "```sh\na\n```\n<!-- status 3 -->\n```sh\nb\n```\nx\n<!-- until -->\n```text\nc\n```\n"
    assert list(blocks(f"{text}<!-- not run: because -->\n```sh\nd\n```\n")) == [
        Block(1, "a\n"),
        Block(5, "b\n", status=3, shown="c\n", until=True),
        Block(14, "d\n", not_run="because"),
    ]
    for wrong in ("```text\na\n```\n", "```\na\n```\n", f"{text}```text\na\n```\n"):
        with pytest.raises(ValueError, match="belongs to no commands"):
            blocks(wrong)


@pytest.mark.parametrize(
    ("shown", "printed", "right"),
    [
        ("a b\n", "a b  \n\n", True),
        ("a ... c\n", "a b c\n", True),
        ("a ... c\n", "a b d\n", False),
        ("a\n...\nb\n", "a\nb\n", True),
        ("a\n...\nb\n", "a\nx\ny\nb\n", True),
        ("a\n...\n", "x\na\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_what_is_shown_is_what_is_printed(shown: str, printed: str, right: bool) -> None:
    assert fits(shown, printed) is right


def test_what_is_not_run_has_a_reason() -> None:
    found = list(blocks(PAGE.read_text()))
    assert len(found) > 30
    assert {block.not_run for block in found} == {"", "needs a network"}
    assert sum(bool(block.not_run) for block in found) == 2


@pytest.mark.timeout(300)
def test_the_page_is_true(reader: Reader) -> None:
    for block in blocks(PAGE.read_text()):
        if not block.not_run:
            follow(reader, block)
