"""Erasures as work that goes on by itself, survives a restart, and ends with a receipt."""

from bridge.analytics.erasures.jobs import ErasureJobs

__all__ = ["ErasureJobs"]
