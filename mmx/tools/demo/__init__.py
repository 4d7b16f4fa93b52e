"""`mmx demo`: mmx at work with small milters of its own."""
