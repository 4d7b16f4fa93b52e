"""The ledger of quarantined mail and `mmx held` on a mail host where mmx is a service, as it is shipped."""

import json
import re
from collections.abc import Iterator

import pytest

from mmx.errors import EX_NOPERM
from tests.integration.machine import MailHost
from tests.integration.postfix import eventually

DROP_IN = "/etc/mmx/conf.d/held.yaml"
# A child that is not there holds mail; one that a host begins with out of reach must not defer it.
CHILDREN = """\
children:
  archive: {endpoint: "unix:/run/nobody/archive.sock", default_action: quarantine}
  amavisd-milter: {enabled: no}
"""


@pytest.fixture
def host(mail_host: MailHost) -> Iterator[MailHost]:
    mail_host.write(DROP_IN, CHILDREN)
    mail_host.run("mmx reload")
    yield mail_host
    mail_host.run(f"rm {DROP_IN}; postsuper -d ALL hold; systemctl restart mmx")


def test_mail_that_a_child_had_held_is_known_to_root_alone_and_released(host: MailHost) -> None:
    code, text = host.send(subject="held")
    assert code == 250, text
    queue_id = re.sub(r".* queued as ", "", text)
    ledger = "/var/lib/mmx/held.jsonl"
    assert eventually(lambda: queue_id in host.attempt(f"cat {ledger}").stdout, 20.0, 0.2), host.log()[-2000:]
    assert host.run(f"stat -c '%a %U %G' {ledger}").strip() == "640 mmx mmx"
    (line,) = host.run("mmx held --json --child archive").splitlines()
    entry = json.loads(line)
    assert entry["queue_id"] == queue_id
    (share,) = entry["children"]
    assert share["reason"].startswith("missing: ")
    refused = host.attempt("runuser -u nobody -- mmx held")
    assert refused.returncode == EX_NOPERM
    assert refused.stderr == f"only root and the user of mmx may read the ledger {ledger}: try sudo\n"
    before = host.delivered()
    assert host.run(f"mmx held release {queue_id}") == f"released: {queue_id}\n"
    assert eventually(lambda: host.delivered() == before + 1, 20.0, 0.2)
