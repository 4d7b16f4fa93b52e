"""`mmx test`: a mail played to mmx or a milter."""
