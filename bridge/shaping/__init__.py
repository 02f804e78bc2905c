"""Pure functions that shape an event: time, identity, address, masks."""
