"""From the journal to the sinks."""
