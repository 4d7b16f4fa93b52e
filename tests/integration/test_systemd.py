"""mmx as a service of a Debian mail host with eight milters, under a real systemd.

The tests of this file follow one another on one machine, as an administrator's days would: each leaves it
with every milter enabled and running and mail flowing.
"""

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.machine import GTUBE, MILTERS, SOURCE, VIRUS, Client, MailHost
from tests.integration.postfix import eventually

DEFERRED = (451, "4.7.1 Service unavailable - try again later")
FORMER = "inet:127.0.0.1:11332"


@pytest.fixture
def host(mail_host: MailHost) -> Iterator[MailHost]:
    """The host, and a look at it afterwards: mail flows."""
    yield mail_host
    assert mail_host.send(subject="afterwards")[0] == 250, mail_host.log()[-4000:]


def test_the_unit_is_hardened_and_without_fault(mail_host: MailHost) -> None:
    unit = SOURCE / "systemd/mmx.service"
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Overall exposure level for mmx.service: ([\d.]+)", shown)
    assert found is not None, shown
    assert float(found[1]) <= 1.5
    done = mail_host.attempt("systemd-analyze verify --man=no mmx.service mmx.socket")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_dry_run_says_what_install_then_does(mail_host: MailHost) -> None:
    installed = mail_host.installed
    assert mail_host.before_install == [], "the dry run made files"
    promised = re.findall(r"^would (\w+ [^,:\n]+)", installed["dry run"], re.MULTILINE)
    done = re.findall(r"^((?:write|run) [^,:\n]+)", installed["install"], re.MULTILINE)
    assert promised == done
    assert "ExecStart=/usr/local/bin/mmx" in installed["dry run"]
    assert installed["again"].startswith("nothing to do")
    assert "smtpd_milters = unix:mmx/mmx.sock" in installed["install"]
    groups = mail_host.run("id -Gn mmx").split()
    assert {"mmx", "postfix", "opendkim", "opendmarc", "clamav", "amavis", "dkimpy-milter"} <= set(groups)
    assert "mail" not in groups


def test_a_socket_that_mmx_may_not_use(mail_host: MailHost) -> None:
    """As Debian installs it, amavisd-milter lets only its own user use its socket."""
    host = mail_host
    assert "8 children, 1 down" in host.show("StatusText")
    said = (
        "/var/lib/amavis/amavisd-milter.sock (0755 amavis:amavis) does not let user mmx in; "
        "run: echo 'MILTERSOCKETMODE=\"0660\"' >> /etc/default/amavisd-milter; "
        "then systemctl restart amavisd-milter"
    )
    assert said in host.log()
    assert f"children.amavisd-milter: {said}" in host.look().warnings
    assert host.send() == DEFERRED, "a scanner that cannot be reached"
    host.run("echo 'MILTERSOCKETMODE=\"0660\"' >> /etc/default/amavisd-milter")
    host.run("systemctl daemon-reload; systemctl restart amavisd-milter")
    assert host.send()[0] == 250
    for command in ("systemctl restart mmx", "systemctl restart amavisd-milter"):
        host.run(command)
        assert host.send()[0] == 250, command
    assert "amavisd-milter.sock" not in host.look().warnings


def test_a_group_that_mmx_is_no_member_of(host: MailHost) -> None:
    host.run("gpasswd -d mmx opendkim && systemctl restart mmx")
    found = re.search(
        r"/run/opendkim \(0750 opendkim:opendkim\) does not let user mmx in; "
        r"(usermod -aG opendkim mmx && systemctl restart mmx)",
        host.log().rpartition("listening on")[2],
    )
    assert found is not None, host.log()[-3000:]
    seen_by_root = host.look().warnings
    assert (
        "children.opendkim: /run/opendkim (0750 opendkim:opendkim) and /run/opendkim/opendkim.sock"
        in seen_by_root
    )
    assert found[1] in seen_by_root
    assert host.send() == DEFERRED
    host.run(found[1])
    for command in ("systemctl restart opendkim", "systemctl restart mmx"):
        assert host.send()[0] == 250
        host.run(command)


def test_a_reload_does_not_add_a_child_that_mmx_may_not_use(host: MailHost) -> None:
    host.run("systemctl disable --now opendkim && gpasswd -d mmx opendkim && systemctl restart mmx")
    assert host.send()[0] == 250
    host.run("systemctl enable --now opendkim")
    since = host.mark()
    host.run("systemctl reload mmx")
    host.logs("the former settings stay in force", since)
    assert "usermod -aG opendkim mmx && systemctl restart mmx" in host.log(since)
    assert host.send()[0] == 250
    assert "child.opendkim=" not in host.last_message()
    host.run("usermod -aG opendkim mmx && systemctl restart mmx")
    assert host.send()[0] == 250
    assert "child.opendkim=accept" in host.last_message()


def test_all_eight_with_the_sockets_they_listen_on(host: MailHost) -> None:
    look = host.look()
    assert tuple(look.chain) == MILTERS
    listening = host.run("ss -xlnH; ss -ltnH")
    for name, endpoint in look.chain.items():
        place = endpoint.removeprefix("unix:").replace("inet:localhost:", "127.0.0.1:")
        assert re.search(rf"\s{re.escape(place)}\s", listening), f"{name} at {endpoint}\n{listening}"
    shown = host.run("mmx --show-config")
    for name, endpoint in look.chain.items():
        assert f'  {name}:\n    endpoint: "{endpoint}"' in shown
    host.logs("child rspamd at inet:localhost:11332: version 6")


def test_mail_through_a_chrooted_postfix(host: MailHost) -> None:
    assert re.search(r"^smtp\s+inet\s+n\s+-\s+y\s", host.read("/etc/postfix/master.cf"), re.MULTILINE)
    before = host.delivered()
    assert host.send(subject="clean")[0] == 250
    line = host.last_message()
    for name in MILTERS:
        assert re.search(rf"child\.{name}=(accept|continue)@EOM", line), line
    assert eventually(lambda: host.delivered() == before + 1, 30)
    assert host.send(VIRUS) == (550, "5.7.1 Command rejected")
    assert "by=clamav-milter" in host.last_message()
    assert host.send(GTUBE) == (554, "5.7.1 Gtube pattern")
    assert "by=rspamd" in host.last_message()


def test_postfix_was_connected_and_what_it_had_is_kept(mail_host: MailHost) -> None:
    said = mail_host.installed["postfix"]
    assert f"main.cf: smtpd_milters: `{FORMER}` becomes `unix:mmx/mmx.sock`" in said
    assert f"master.cf: 10025/inet/smtpd_milters: `{FORMER}` becomes `unix:mmx/mmx.sock`" in said
    assert "10026" not in said, "a service without milters stays without"
    assert mail_host.run("stat -c %a:%U /etc/mmx/postfix.saved.json").strip() == "600:root"


def test_two_are_disabled_and_gone_from_a_running_session(host: MailHost) -> None:
    with host.client() as client:
        assert client.message()[0] == 250
        host.run("systemctl disable clamav-milter; systemctl stop clamav-milter")
        host.run("systemctl disable dkimpy-milter; systemctl stop dkimpy-milter")
        assert client.message() == DEFERRED, "down, but in the chain until the reload"
        host.reload()
        assert client.message(VIRUS)[0] == 250
        line = host.last_message()
        assert "child.clamav-milter" not in line
        assert "child.dkimpy-milter" not in line
        assert "child.opendkim=accept" in line
        look = host.look()
        assert set(MILTERS) - set(look.chain) == {"clamav-milter", "dkimpy-milter"}
        assert set(look.skipped) == {"clamav-milter", "dkimpy-milter"}
        host.run("systemctl enable clamav-milter dkimpy-milter; systemctl start clamav-milter dkimpy-milter")
        host.reload()
        assert client.message(VIRUS)[0] == 550, "joined the session again"
        assert client.message()[0] == 250


def test_a_masked_milter_is_out_even_while_it_runs(host: MailHost) -> None:
    host.run("systemctl mask --runtime opendmarc")
    host.reload()
    assert host.show("ActiveState", "opendmarc") == "active"
    assert "opendmarc" not in host.look().chain
    assert host.send()[0] == 250
    assert "child.opendmarc" not in host.last_message()
    host.run("systemctl unmask --runtime opendmarc")
    host.reload()
    assert "opendmarc" in host.look().chain


def test_a_stopped_scanner_stays_in_the_chain(host: MailHost) -> None:
    host.run("systemctl stop rspamd")
    host.reload()
    assert "rspamd" in host.look().chain
    assert host.send() == DEFERRED
    assert "by=rspamd" in host.last_message()
    host.start_rspamd()
    assert host.send()[0] == 250


def test_a_broken_configuration_neither_drops_a_scanner_nor_blocks_mail(host: MailHost) -> None:
    conf = "/etc/clamav/clamav-milter.conf"
    for damage, mending in (
        (f"chmod 600 {conf}", f"chmod 644 {conf}"),
        (
            f"sed -i 's/^MilterSocket /#MilterSocket /' {conf}",
            f"sed -i 's/^#MilterSocket /MilterSocket /' {conf}",
        ),
    ):
        host.run(damage)
        host.reload()
        assert host.send(VIRUS)[0] == 550, f"{damage}: mmx knows the socket from before"
        assert host.send()[0] == 250
        host.run("systemctl restart mmx")
        assert host.send(VIRUS) == DEFERRED, f"{damage}: it does not know it any more"
        assert "by=clamav-milter" in host.last_message()
        host.run(mending)
        host.reload()
        assert host.send(VIRUS)[0] == 550


def test_rspamadm_is_asked_inside_the_unit(host: MailHost) -> None:
    path = "/etc/rspamd/override.d/worker-proxy.inc"
    host.write(path, 'bind_socket = "localhost:11339";\n')
    host.start_rspamd(11339)
    host.reload()
    host.logs("child rspamd at inet:localhost:11339: version 6")
    assert host.send(GTUBE)[0] == 554
    host.run(f"rm {path}")
    host.start_rspamd()
    host.reload()


def test_root_and_the_user_mmx_steer_the_daemon_in_its_unit(host: MailHost) -> None:
    assert host.run("stat -c %a:%U /run/mmx/control.sock").strip() == "600:mmx"
    status = json.loads(host.run("mmx status --json"))
    assert tuple(child["name"] for child in status["children"]) == MILTERS
    assert host.run("runuser -u mmx -- mmx sessions").endswith(" at most\n")
    refused = host.attempt("runuser -u nobody -- mmx status")
    assert (refused.returncode, "try sudo" in refused.stderr) == (77, True), refused.stderr
    with host.client() as client:
        assert client.message(VIRUS)[0] == 550
        host.run("mmx disable clamav-milter --for 1h")
        assert client.message(VIRUS)[0] == 250
        assert re.search(r"clamav-milter +disabled until [0-9]", host.run("mmx status"))
        assert "child clamav-milter is disabled for 3600 s by root (uid 0)" in host.log()
        assert host.run("mmx drain opendkim").startswith("opendkim is drained")
        enabled = [f"reloaded: child {name} enabled again" for name in ("clamav-milter", "opendkim")]
        assert host.run("mmx reload").splitlines() == enabled
        assert client.message(VIRUS)[0] == 550
    host.run("mkdir -p /etc/mmx/conf.d && echo 'no_such_key: 1' >/etc/mmx/conf.d/wrong.yaml")
    failed = host.attempt("mmx reload")
    assert (failed.returncode, "no_such_key" in failed.stderr) == (78, True), failed.stderr
    assert host.attempt("mmx status").stdout.count("The last reload failed") == 1
    host.run("rm /etc/mmx/conf.d/wrong.yaml && mmx reload")


def test_a_reload_in_the_middle_of_a_message(host: MailHost) -> None:
    with host.client() as client:
        begin(client)
        client.send(b"Subject: slow\r\n\r\nfirst half\r\n")
        host.run("systemctl disable clamav-milter")
        host.reload()
        client.send(f"{VIRUS}\r\n.\r\n".encode())
        assert client.getreply()[0] == 550, "the chain of this message is that of its MAIL"
        assert client.message(VIRUS)[0] == 250, "the next one has the new chain"
        host.run("systemctl enable clamav-milter")
        host.reload()
        begin(client)
        client.send(b"Subject: slow\r\n\r\nfirst half\r\n")
        host.run("systemctl kill --kill-whom=main -s HUP mmx")
        client.send(b"second half\r\n.\r\n")
        assert client.getreply()[0] == 250


def test_a_package_is_purged(host: MailHost) -> None:
    host.run("dpkg --purge dkimpy-milter")
    host.reload()
    look = host.look()
    assert "dkimpy-milter" not in look.chain | look.skipped
    assert host.send()[0] == 250
    assert "child.dkimpy-milter" not in host.last_message()


def test_uninstall_gives_postfix_back_what_it_had(mail_host: MailHost) -> None:
    host = mail_host
    refused = host.attempt("mmx uninstall")
    assert refused.returncode == 69
    assert "Postfix still uses mmx" in refused.stderr
    host.run("mmx uninstall --postfix")
    assert host.run("postconf -nh smtpd_milters").strip() == FORMER
    assert host.run("postconf -P '*/*/smtpd_milters'").splitlines() == [
        f"10025/inet/smtpd_milters = {FORMER}",
        "10026/inet/smtpd_milters =",
    ]
    assert host.attempt("systemctl is-active mmx.socket mmx.service").stdout.split() == ["inactive"] * 2
    assert host.run("find / -xdev -name 'mmx*' -path '/etc/*'").split() == ["/etc/mmx", "/etc/mmx/mmx.yaml"]
    assert host.send(GTUBE)[0] == 554, "by rspamd itself"
    host.run("mmx install && systemctl start mmx && mmx install --postfix")
    assert host.send()[0] == 250


def begin(client: Client) -> None:
    """MAIL, RCPT, DATA."""
    for command, code in (
        ("MAIL FROM:<author@clean.test>", 250),
        ("RCPT TO:<reader@rcpt.test>", 250),
        ("DATA", 354),
    ):
        assert client.docmd(command)[0] == code
