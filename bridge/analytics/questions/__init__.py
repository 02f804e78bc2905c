"""Questions about calls: measures by dimensions, filtered, over a period, answered from the store.

A question comes as JSON. `question` reads it, with names from the fixed lists in `fields`; `periods` finds out from
when to when it asks, in the local time of its zone; `filters` and `builder` make one SELECT of it with bound values,
and `answers` asks the store and gives rows of names and figures. `events` lists single events with the same filters.

What holds for every answer:

- A period is half open, from `from` to before `to`, in the event's own time.
- A call without a value counts under null, a row of its own; `is_not` keeps it, because it is not that value.
- Local time is the zone's, from Python's `zoneinfo`: buckets up to an hour never join the two hours that a clock shows
  twice, longer ones are as long as the clock says (a day of 23 or 25 hours).
- The period before is as long as the period. One of whole local days goes back by local days, any other by elapsed
  time.
"""
