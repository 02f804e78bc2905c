"""What the bridge says of itself: one table of metrics, one function for each thing that happens."""
