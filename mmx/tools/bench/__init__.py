"""`mmx bench`: load on a milter or an SMTP server."""
