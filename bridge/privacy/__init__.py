"""What intake keeps of an event: masks, identity, credentials, captures, countries."""
