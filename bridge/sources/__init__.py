"""Where events come from. Each source knows the contracts, never another source."""
