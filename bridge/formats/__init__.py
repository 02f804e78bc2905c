"""Other systems' forms of an event, both ways."""
