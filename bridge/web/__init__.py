"""What the bridge serves about itself."""
