"""What an operator asks of a journal's file: verify, inspect, salvage."""
