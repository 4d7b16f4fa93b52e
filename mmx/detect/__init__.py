"""Detection: which milters are installed and enabled, and where each listens."""
