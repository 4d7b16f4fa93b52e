"""Macro lists and networks of main.cf are read from postconf, and its absence or silence harms nothing."""

import os
from ipaddress import IPv6Network
from pathlib import Path

import pytest

from mmx.aio.conditions import LocalNetworks
from mmx.aio.main_cf import MainCf, parse, parse_networks, read_main_cf
from mmx.core.plan import POSTFIX_MACROS
from mmx.wire import option
from tests.aio.peers import until


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - descriptors


def test_names_are_apart_by_blanks_or_commas() -> None:
    output = b"milter_mail_macros = i, {auth_type} {mail_addr}\nmilter_data_macros =\nother = x\n"
    assert parse(output).macros == {
        **POSTFIX_MACROS,
        option.STAGE_MAIL: (b"i", b"{auth_type}", b"{mail_addr}"),
        option.STAGE_DATA: (),
    }


@pytest.mark.parametrize(
    ("words", "local"),
    [
        (
            ["127.0.0.0/8", "[::1]/128", "[::ffff:127.0.0.0]/104"],
            LocalNetworks(
                (("127.0.0.0/8", True), ("::1/128", True), (str(IPv6Network("::ffff:127.0.0.0/104")), True))
            ),
        ),
        (
            ["!192.0.2.7", "192.0.2.0/24"],
            LocalNetworks((("192.0.2.7/32", False), ("192.0.2.0/24", True))),
        ),
        (
            ["127.0.0.0/8", "/etc/postfix/nets", "cidr:/etc/postfix/nets", "!hash:/etc/x", "192.0.2.1/24"],
            LocalNetworks(
                (("127.0.0.0/8", True),),
                ("/etc/postfix/nets", "cidr:/etc/postfix/nets", "!hash:/etc/x", "192.0.2.1/24"),
            ),
        ),
        ([], LocalNetworks()),
    ],
)
def test_networks(words: list[str], local: LocalNetworks) -> None:
    assert parse_networks(words) == local
    assert parse(f"mynetworks = {', '.join(words)}\n".encode()).local == local


def test_networks_that_postconf_does_not_tell_are_not_known() -> None:
    assert parse(b"").local.unread == ("postconf does not tell it",)


async def test_a_list_of_main_cf_takes_the_place_of_the_default(tmp_path: Path) -> None:
    postconf = script(tmp_path / "postconf", "echo 'milter_connect_macros = j {client_addr}'")
    lists = (await read_main_cf(postconf)).macros
    assert lists[option.STAGE_CONNECT] == (b"j", b"{client_addr}")
    assert lists[option.STAGE_RCPT] == POSTFIX_MACROS[option.STAGE_RCPT]


async def test_the_environment_is_clean_and_the_arguments_are_fixed(tmp_path: Path) -> None:
    postconf = script(tmp_path / "postconf", f'env > {tmp_path}/env; echo "$@" > {tmp_path}/arguments')
    await read_main_cf(postconf)
    names = {line.split("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names <= {"PATH", "LC_ALL", "PWD", "SHLVL", "_"}
    assert (tmp_path / "arguments").read_text().startswith("-x milter_connect_macros")
    assert (tmp_path / "arguments").read_text().endswith(" mynetworks\n")


async def test_without_postfix_its_defaults_hold(tmp_path: Path) -> None:
    assert await read_main_cf(str(tmp_path / "missing")) == MainCf()


async def test_a_postconf_that_hangs_is_ended(tmp_path: Path) -> None:
    postconf = script(tmp_path / "postconf", "exec sleep 60")
    macros, local = await read_main_cf(postconf, within=0.1)
    assert macros == POSTFIX_MACROS
    assert local == LocalNetworks(unread=(f"{postconf} did not answer",))


async def test_a_postconf_that_ends_and_leaves_its_output_open(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    postconf = script(tmp_path / "postconf", f"read _ < {fifo} &")
    await read_main_cf(str(tmp_path / "missing"))
    before = open_files()
    assert (await read_main_cf(postconf, within=0.2)).macros == POSTFIX_MACROS
    fifo.write_text("go\n")
    await until(lambda: open_files() <= before)
