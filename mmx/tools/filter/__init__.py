"""`mmx filter`: a milter that does what a script says."""
