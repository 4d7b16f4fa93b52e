"""The answers of the HTTP server, without sockets."""

import pytest

from mmx.aio.http import HEADERS, Hosts, Request, Response, error, respond

HOSTS = Hosts("127.0.0.1", "127.0.0.1", ("mail.example.com", "2001:db8::25"))


def page(request: Request) -> Response:
    return Response(body=f"{request.path} {request.query} {request.headers.get('accept')}".encode())


ROUTES = {"/": page, "/a/b": page}


def ask(target: str, method: str = "GET", host: str | None = "localhost:9850") -> Response:
    headers = {"accept": "x/y"} if host is None else {"accept": "x/y", "host": host}
    return respond(ROUTES, method, target, headers, HOSTS)


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/", b"/  x/y"),
        ("/a/b?c=d&e", b"/a/b c=d&e x/y"),
        ("http://localhost/a/b", b"/a/b  x/y"),
        ("HTTP://[::1]:80", b"/  x/y"),
    ],
)
def test_a_page_is_found_by_its_path(target: str, body: bytes) -> None:
    assert ask(target) == Response(200, body)


@pytest.mark.parametrize(
    "target", ["/a", "/a/b/", "/a/../", "*", "a", "//", "/%61/b", "", "https://localhost/"]
)
def test_other_paths_are_not_found(target: str) -> None:
    assert ask(target).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "X"])
def test_other_methods_are_refused_with_those_that_are_not(method: str) -> None:
    refused = ask("/", method)
    assert (refused.status, refused.headers) == (405, (("Allow", "GET, HEAD"),))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.:1",
        "127.0.0.1:9850",
        "127.1.2.3",
        "[::1]",
        "[::1]:9850",
        "[0:0:0:0:0:0:0:1]",
        "Mail.Example.Com",
        "[2001:db8:0::25]:80",
    ],
)
def test_names_of_this_server_are_answered(host: str) -> None:
    assert ask("/", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "",
        ":80",
        "192.0.2.1",
        "[",
        "[]",
        "[::1",
        "[::1]x",
        "x@localhost",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "::2",
        "mail.example.comx",
        "localhost/x",
        "\xe9",
    ],
)
def test_a_page_that_another_name_leads_to_is_not_given(host: str) -> None:
    refused = ask("/", host=host)
    assert refused.status == 421
    assert b"metrics.hosts" in refused.body


def test_the_host_of_an_absolute_target_counts_and_not_the_field() -> None:
    assert ask("http://evil.example/").status == 421
    assert ask("http://localhost/", host="evil.example").status == 200


def test_a_client_that_names_no_host_is_no_browser() -> None:
    assert ask("/", host=None).status == 200


def test_the_address_connected_to_is_a_name_of_this_server() -> None:
    hosts = Hosts("0.0.0.0", "192.0.2.7", ())
    assert hosts.fits("192.0.2.7:9850")
    assert not hosts.fits("192.0.2.8")


def test_an_error_says_what_is_wrong() -> None:
    assert error(404) == Response(404, b"404 Not Found\n")
    assert error(400, "why", ("A", "b")) == Response(400, b"400 Bad Request: why\n", headers=(("A", "b"),))


def test_no_script_no_frame_no_copy() -> None:
    headers = dict(HEADERS)
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} < set(
        policy
    )
    assert "script" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
