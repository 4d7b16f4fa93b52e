"""Sessions written as text, and the players that run them."""
