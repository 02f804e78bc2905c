"""Alerts: conditions on questions, watched once a minute, and said in channels.

`rules` reads what is watched, `figures` asks the store for what a rule looks at, `states` decides what follows from it,
`watching` does that once a minute, and `past` does the same over weeks that are gone. `notices` words what is said,
`forms`, `mail` and `sending` bring it to a channel.

What holds for every rule:

- It looks at whole windows, the last of which ends at most a step and `LAG_SECONDS` ago: events need a moment to come.
- A question that fails is not "no alert": the rule is shown as failing, counted, and said after ten minutes.
- No data is not no traffic: what a bridge that is not heard would have sent is unknown.
"""
