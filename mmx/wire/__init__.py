"""Bytes of the milter protocol: codes, framing, payloads, SMTP reply grammar. Pure functions."""
