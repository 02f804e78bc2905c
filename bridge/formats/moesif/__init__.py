"""Moesif's form of an event, both ways."""
