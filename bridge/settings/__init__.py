"""The configuration, as frozen models."""
