"""Monitors: endpoints that are asked again and again from the place of this process, and what came of it.

`monitor` says what is asked and expected, `probe` asks once, `standing` decides what an outcome means, `rounds` keeps
it going. What is known is told from three tables of admin.db (`analytics/admin/monitors.py`):

- A **probe** is one row: when it began, how long it took, what came. A connection that fails is a row like any other.
- A **watch** is a time in which this process was there to ask. Nothing is known of the time between two watches: it is
  not measured, and counts neither as up nor as down.
- An **hour** is what remains of its probes after some days: time up and down, and a sketch of response times.

A probe speaks for the time until the next one is due, and no longer; `spans` adds that up.
"""
