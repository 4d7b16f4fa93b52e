"""`mmx check`: the doctor."""
