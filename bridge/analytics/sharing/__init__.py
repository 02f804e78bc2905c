"""Workspaces: views of a part of the events that may be shown to somebody outside.

`workspace` says what one is, and reads it from JSON; `opening` says what the bearer of one of its tokens sees. What is
kept of them is in `bridge.analytics.admin` (`workspaces`, `links`, `looks`).
"""
