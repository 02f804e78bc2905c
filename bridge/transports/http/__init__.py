"""The HTTP client that sinks share, and what its answers mean."""
