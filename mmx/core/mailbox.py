"""The addresses of MAIL and RCPT, which the client wrote, as they are compared.

The client decides on brackets, quotes, a source route, the case of letters, and dots at the end. None of that
changes where Postfix delivers to, so none of it counts here. What only Postfix's rewriting would make an
address of is not guessed at: it is `uncertain`, and tests about it have no answer. That is an address
without a domain, with a second `@`, with a comment or with other stray characters. `%` and `!` in a recipient
may be a route too (`routed`); in a sender they are not.

RFC 5321 leaves the case of a local part to its host. Here it does not count: nobody must escape a test by
another spelling that reaches the same mailbox.
"""

import re
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"|\\(.)|([^"\\]+|.)', re.DOTALL)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_STRAY: Final = re.compile(rb"[\x00-\x20\x7f()<>\[\]:;,@\\\"]")
_ROUTE: Final = re.compile(rb"[%!]")


class Mailbox(NamedTuple):
    """An address in small letters, without brackets, quotes and route; all empty for the null sender."""

    address: bytes
    domain: bytes
    uncertain: bool = False
    routed: bool = False

    @property
    def is_null(self) -> bool:
        """True for the sender of notifications, `<>`."""
        return not self.address


def parse_mailbox(path: bytes) -> Mailbox:
    """The address in a path as the client wrote it."""
    text = path.strip(b" \t").removeprefix(b"<").removesuffix(b">").strip(b" \t")
    if not text:
        return Mailbox(b"", b"")
    if text[:1] == b"@":  # a source route
        text = text.partition(b":")[2]
    plain, bare = _unquoted(text)
    at = bare.rfind(b"@")
    domain = plain[at + 1 :].lower().rstrip(b".") if at >= 0 else b""
    literal = domain[:1] == b"[" and domain[-1:] == b"]"
    uncertain = (
        at < 1
        or not domain
        or bare[at + 1 :] != plain[at + 1 :]
        or _STRAY.search(bare, 0, at) is not None
        or (not literal and _STRAY.search(domain) is not None)
    )
    local = plain[: max(at, 0)].lower()
    return Mailbox(local + b"@" + domain, domain, uncertain, _ROUTE.search(bare) is not None)


def _unquoted(text: bytes) -> tuple[bytes, bytes]:
    """The address without quotes and backslashes, and the same with an `x` for each one they hid."""
    if b'"' not in text and b"\\" not in text:
        return text, text
    plain, bare = bytearray(), bytearray()
    for quoted, escaped, other in _TOKEN.findall(text):
        value = _ESCAPED.sub(rb"\1", quoted) or escaped or other
        plain += value
        bare += other or b"x" * len(value)
    return bytes(plain), bytes(bare)
