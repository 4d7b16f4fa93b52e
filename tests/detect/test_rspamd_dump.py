import json

import pytest

from mmx.detect.rspamd_dump import read_proxy


def dump(*workers: object) -> str:
    return "\n".join(json.dumps(worker, indent=4) for worker in workers)


def proxy(**more: object) -> dict[str, object]:
    return {"rspamd_proxy": {"bind_socket": "localhost:11332", "milter": True, **more}}


NORMAL = {"normal": {"bind_socket": "localhost:11333"}}


@pytest.mark.parametrize(
    ("output", "sockets"),
    [
        (dump(NORMAL, proxy()), ("localhost:11332",)),
        (dump(proxy(bind_socket=["*:11332", "/run/r.sock mode=0660"])), ("*:11332", "/run/r.sock mode=0660")),
        (dump({"rspamd_proxy": [{"bind_socket": "a:1"}, {"bind_socket": "b:2", "milter": True}]}), ("b:2",)),
        (dump(proxy(milter=False)), None),
        (dump(proxy(enabled=False)), None),
        (dump(proxy(count=0)), None),
        (dump(proxy(count=1, enabled=True)), ("localhost:11332",)),
        (dump(proxy(bind_socket=7)), None),
        (dump(NORMAL), None),
        ("", None),
    ],
)
def test_the_proxy_worker(output: str, sockets: tuple[str, ...] | None) -> None:
    assert read_proxy(output) == sockets


@pytest.mark.parametrize("output", ["error", dump(NORMAL) + "}", "[]", '{"rspamd_proxy": '])
def test_other_output_is_refused(output: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_proxy(output)
