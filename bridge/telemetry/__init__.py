"""What the bridge says about itself: one table of metrics, one function for each thing that happens."""
