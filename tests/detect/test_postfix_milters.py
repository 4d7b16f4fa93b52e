import pytest

from mmx.detect.postfix_milters import read_milters

QUEUE = "queue_directory = /var/spool/postfix\n"


@pytest.mark.parametrize(
    ("value", "endpoints"),
    [
        ("", []),
        ("inet:localhost:8891", ["inet:localhost:8891"]),
        ("inet:localhost:8891, inet:[::1]:8892", ["inet:localhost:8891", "inet:[::1]:8892"]),
        ("unix:opendkim/a.sock", ["unix:/var/spool/postfix/opendkim/a.sock"]),
        ("local:/run/a.sock", ["unix:/var/spool/postfix/run/a.sock", "unix:/run/a.sock"]),
        (
            "{ inet:localhost:8891, default_action=accept } unix:a",
            ["inet:localhost:8891", "unix:/var/spool/postfix/a"],
        ),
        ("{inet:localhost:8891,connect_timeout=3s}", ["inet:localhost:8891"]),
        ("${x?{a}:{b}} $y", []),
    ],
)
def test_milters_of_main_cf(value: str, endpoints: list[str]) -> None:
    milters = read_milters(f"smtpd_milters = {value}\n{QUEUE}".encode(), b"")
    assert [str(milter.endpoint) for milter in milters] == endpoints
    assert {milter.place for milter in milters} <= {"smtpd_milters in main.cf"}


def test_milters_of_master_cf() -> None:
    master = b"submission/inet/smtpd_milters = unix:a\nsmtp/inet/smtpd_sasl_auth_enable = yes\n"
    main = b"non_smtpd_milters = inet:localhost:1\nqueue_directory = /q\n"
    assert [(milter.place, str(milter.endpoint)) for milter in read_milters(main, master)] == [
        ("non_smtpd_milters in main.cf", "inet:localhost:1"),
        ("smtpd_milters of submission/inet in master.cf", "unix:/q/a"),
    ]


def test_without_postfix_there_are_none() -> None:
    assert read_milters(b"", b"") == ()
