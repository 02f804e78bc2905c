"""The `http` source: a listener, and the endpoints that senders know."""
