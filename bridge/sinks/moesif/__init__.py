"""The `moesif` sink."""
