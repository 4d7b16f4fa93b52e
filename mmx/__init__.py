"""A milter multiplexer for Postfix: one milter to the MTA, one MTA to many milters."""

__version__ = "0.1.0"
