"""What mmx tells about itself: logs, metrics, status."""
