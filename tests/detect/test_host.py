import json
from pathlib import Path

import pytest

from mmx.detect.collector import Collector
from mmx.detect.commands import Answer
from mmx.detect.host import Host
from mmx.errors import SettingsError, TemporaryError
from mmx.settings.load import load
from mmx.settings.show import show, show_json
from tests.detect.hosts import DEBIAN, RSPAMD, SCRIPTS, Programs, on, scripted, shown, tree_units

ALL = [*tree_units(DEBIAN), *(scripted(stem) for stem in SCRIPTS)]
FAILED = Answer(failure="systemctl did not answer within 10 s")
CHAIN = (
    *("pyspf-milter", "opendkim", "dkimpy-milter", "opendmarc", "spamass-milter", "clamav-milter"),
    *("amavisd-milter", "rspamd"),
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mmx.yaml"
    path.write_text("")
    return path


def host(*blocks: str, **answers: Answer) -> Host:
    return Host(on(DEBIAN, *(blocks or ALL), **answers))


def without(stem: str) -> list[str]:
    return [block for block in ALL if f"Id={stem}.service" not in block]


def chain(loaded_by: Host, path: Path) -> tuple[str, ...]:
    return tuple(child.name for child in loaded_by.load(path).settings.chain)


def test_what_is_installed_is_in_the_chain(config: Path) -> None:
    loaded = host().load(config)
    assert tuple(child.name for child in loaded.settings.chain) == CHAIN
    assert loaded.origins["children.opendkim.endpoint"] == "/etc/opendkim.conf:10"
    assert loaded.origins["children.clamav-milter.content"] == "default for clamav-milter"


def test_a_setting_changes_only_itself(config: Path) -> None:
    usual = host().load(config).settings
    config.write_text("children: {rspamd: {pipelining: yes}, opendmarc: {connect_timeout: 2s}}")
    changed = host().load(config).settings
    assert tuple(child.name for child in changed.chain) == CHAIN
    before, after = ({child.name: child for child in one.children} for one in (usual, changed))
    assert {name for name in CHAIN if before[name] != after[name]} == {"rspamd", "opendmarc"}
    assert after["opendmarc"].endpoint == before["opendmarc"].endpoint


def test_enabled_no_takes_it_out_and_null_does_not(config: Path) -> None:
    config.write_text("children: {rspamd: {enabled: no}, opendmarc: {endpoint: null}, opendkim: {}}")
    assert chain(host(), config) == tuple(name for name in CHAIN if name != "rspamd")


def test_detect_no_looks_for_nothing(config: Path) -> None:
    config.write_text("detect: no\nchildren: {opendkim: {endpoint: 'unix:/run/a'}}")
    programs = Programs({})
    loaded = Host(Collector(DEBIAN, programs, booted=True)).load(config)
    assert [str(child.endpoint) for child in loaded.settings.chain] == ["unix:/run/a"]
    assert {Path(argv[0]).name for argv in programs.asked} == {"postconf"}


def test_a_known_milter_that_is_not_there_is_a_note(config: Path) -> None:
    config.write_text("children: {milter-greylist: {}}\norder: [smf-spf]")
    loaded = host(*without("opendkim")).load(config)
    notes = [str(warning) for warning in loaded.warnings]
    note = "children.milter-greylist: not in the chain: it has no endpoint, and is not installed here"
    assert f"{config}:1: {note}" in notes


def test_an_endpoint_in_the_settings_wins_over_the_state_of_the_unit(config: Path) -> None:
    config.write_text("children: {opendkim: {endpoint: 'inet:192.0.2.1:8891'}}")
    loaded = host(*without("opendkim"), shown("opendkim.service", state="disabled")).load(config)
    assert "opendkim" in [child.name for child in loaded.settings.chain]
    told = "in the chain because the settings give it an endpoint, although opendkim.service is disabled"
    assert any(told in str(warning) for warning in loaded.warnings)


def test_the_loader_does_not_start_without_knowing(config: Path) -> None:
    with pytest.raises(TemporaryError) as caught:
        host(systemctl_show=FAILED).load(config)
    assert caught.value.exit_code == 75
    assert "cannot tell which milters are enabled: systemctl show: systemctl did not" in str(caught.value)


def test_a_reload_keeps_what_cannot_be_told(config: Path) -> None:
    former = host().load(config)
    again = host(systemctl_show=FAILED).load(config, former)
    assert again.settings == former.settings
    assert "those found before are kept" in str(again.warnings[0])
    thrice = host(systemctl_show=FAILED).load(config, again)
    assert thrice.settings == former.settings
    slow = host(rspamadm=Answer(failure="rspamadm did not answer within 30 s")).load(config, former)
    assert slow.settings == former.settings


def test_a_reload_obeys_what_it_can_tell(config: Path) -> None:
    former = host().load(config)
    after = host(*without("clamav-milter"), scripted("clamav-milter", enabled=False)).load(config, former)
    assert [child.name for child in after.settings.chain] == [
        name for name in CHAIN if name != "clamav-milter"
    ]


def test_wrong_settings_are_told_all_the_same(config: Path) -> None:
    config.write_text("detct: no")
    with pytest.raises(SettingsError):
        host().load(config)


def test_news(config: Path) -> None:
    loaded = host(*without("rspamd"), shown("rspamd.service", state="disabled")).load(config)
    assert host(*without("rspamd")).news(loaded) == ()
    assert host().news(loaded) == ("found rspamd: joins at the next reload",)
    assert host(*without("opendkim")).news(host().load(config)) == (
        "opendkim is not enabled any more: leaves at the next reload",
    )


def test_no_news_of_what_cannot_or_need_not_be_told(config: Path) -> None:
    no_proxy = Answer(RSPAMD.replace("true", "false").encode())
    loaded = host(rspamadm=no_proxy).load(config)
    assert "rspamd" not in {child.name for child in loaded.settings.children}
    assert host(rspamadm=no_proxy).news(loaded) == ()
    assert host(systemctl_show=FAILED).news(loaded) == ()
    config.write_text("children: {opendkim: {enabled: no}}")
    assert host().news(host().load(config)) == ()
    config.write_text("detect: no")
    assert Host(Collector(DEBIAN, Programs({}), booted=True)).news(host().load(config)) == ()


def test_a_socket_that_moved_is_news(config: Path, tmp_path: Path) -> None:
    loaded = host().load(config)
    moved = shown("opendkim.service", argv="/usr/sbin/opendkim -p inet:8891@localhost")
    assert host(*without("opendkim"), moved).news(loaded) == (
        "opendkim listens at inet:localhost:8891 now: mmx follows at the next reload",
    )


@pytest.mark.parametrize("detect", [True, False])
def test_what_is_shown_loads_back_with_and_without_looking(config: Path, detect: bool) -> None:
    config.write_text("children: {rspamd: {mode: observe}, own: {endpoint: 'unix:/run/own'}}")
    some = [block for block in ALL if "opendmarc" not in block and "Id=clamav" not in block]
    unreadable = shown("opendmarc.service", argv="/x -c /etc/none.conf")
    this = host(*some, unreadable, scripted("clamav-milter", enabled=False))
    loaded = this.load(config)
    text = show(loaded.settings, loaded.origins, loaded.detection)
    assert "# skipped clamav-milter: clamav-milter.service is disabled\n" in text
    assert '"unknown:/etc/none.conf: not there, but named on the command line"' in text
    config.write_text(text)
    assert (this.load(config) if detect else load(config)).settings == loaded.settings


def test_json(config: Path) -> None:
    whole = json.loads(show_json(host().load(config)))
    assert whole["chain"] == list(CHAIN)
    assert whole["settings"]["children"]["opendkim"]["endpoint"] == "unix:/run/opendkim/opendkim.sock"
    assert whole["origins"]["children.opendkim.endpoint"] == "/etc/opendkim.conf:10"
    assert whole["found"][0] == {
        "name": "pyspf-milter",
        "endpoint": "inet:localhost:8893",
        "origin": "/etc/pyspf-milter/pyspf-milter.conf:4",
        "note": "",
    }


def test_warnings_of_a_chain_that_postfix_uses_too(config: Path) -> None:
    postconf = Answer(b"smtpd_milters = unix:/run/opendkim/opendkim.sock inet:127.0.0.1:11332\n")
    told = [str(warning) for warning in host(postconf=postconf).load(config).warnings]
    twice = [text for text in told if "mail passes it twice" in text]
    assert len(twice) == 2
    assert "Postfix uses this milter itself (smtpd_milters in main.cf)" in twice[0]


def test_two_milters_at_one_port_are_told_of_once_each(config: Path) -> None:
    unit = "/lib/systemd/system/opendmarc.service"
    both = shown("opendmarc.service", argv="/x -p inet:8893@localhost", FragmentPath=unit)
    told = [str(warning) for warning in host(*without("opendmarc"), both).load(config).warnings]
    assert sorted(
        text.partition("children.")[2] for text in told if "8893" in text or "there too" in text
    ) == [
        "opendmarc: pyspf-milter is set up to listen there too (/etc/pyspf-milter/pyspf-milter.conf:4)",
        "pyspf-milter: opendmarc is set up to listen there too (/lib/systemd/system/opendmarc.service)",
    ]
