"""`mmx install` and `mmx uninstall`: mmx as a service of a host."""
