"""`mmx completion`: what shells need."""
