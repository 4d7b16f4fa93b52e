"""Settings: frozen dataclasses and the strict loader that makes them."""
