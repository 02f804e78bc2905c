"""Analytics: a store of events for people to look at, and the process that serves it.

A process of its own, `apim-bridge analytics`, so that the daemon stays small, a question never holds up a delivery, and
many bridges feed one store. `store` keeps the events, `questions` makes SQL of what is asked of them, `server` takes
them in and answers over HTTP. On these stand `sharing`, `monitoring`, `alerts` and `reports`; what operators make of
them is kept by `admin`.
"""
