"""Where events go. Each sink knows the contracts, never another sink."""
