"""`mmx held`: mail that children had held."""
