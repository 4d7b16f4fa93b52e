"""Sockets and the event loop: listeners, dialling, the driver of sessions, life of the service."""
