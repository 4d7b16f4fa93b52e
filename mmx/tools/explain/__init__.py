"""`mmx explain`: which children would see a mail."""
