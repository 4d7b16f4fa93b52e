"""What the overload tests need: many MTA sessions at once, ill children, and gauges of the daemon."""
