"""The macros that an MTA can send: at which stage each is known first, and whether the sender chooses it.

The names of Postfix are those of its MILTER_README, the others those of Sendmail's documentation; an MTA
leaves out what it does not know. Macros of recipients are not here: each is about one recipient, and
conditions have tests of recipients.

`chosen` is True for what whoever sends the mail can make whatever he likes: his address in MAIL, the name
that his own name server gives him, his port, what his side of TLS offers. It is False for what only the
MTA, its administrator or a login decides.
"""

from dataclasses import dataclass
from typing import Final

CONNECT: Final = "connect"
HELO: Final = "helo"
MAIL: Final = "mail"
END: Final = "end_of_message"


@dataclass(frozen=True, slots=True)
class MtaMacro:
    """A macro: the stage to ask for it at, and whether the sender chooses its value."""

    stage: str
    chosen: bool


_FIXED: Final = {
    CONNECT: (
        "j",
        "{daemon_name}",
        "{daemon_addr}",
        "{daemon_port}",
        "v",
        "{client_addr}",
        "{if_name}",
        "{if_addr}",
    ),
    MAIL: ("i", "{auth_type}", "{auth_authen}", "{auth_author}", "{auth_ssf}"),
}
_CHOSEN: Final = {
    CONNECT: (
        "_",
        "{client_name}",
        "{client_port}",
        "{client_ptr}",
        "{client_resolve}",
        "{client_connections}",
    ),
    HELO: (
        "{tls_version}",
        "{cipher}",
        "{cipher_bits}",
        "{cert_subject}",
        "{cert_issuer}",
        "{tls_sni}",
        "{verify}",
    ),
    MAIL: ("{mail_addr}", "{mail_host}", "{mail_mailer}"),
    END: ("{msg_id}",),
}

MTA_MACROS: Final = {
    name: MtaMacro(stage, chosen)
    for chosen, stages in ((False, _FIXED), (True, _CHOSEN))
    for stage, names in stages.items()
    for name in names
}
OTHER: Final = MtaMacro(MAIL, chosen=True)
"""What is taken for granted of a macro that is not in the table."""
OF_RECIPIENT: Final = frozenset({"{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"})


def mta_macro(name: str) -> MtaMacro:
    """What is known of a macro, by its name as the protocol spells it."""
    return MTA_MACROS.get(name, OTHER)
