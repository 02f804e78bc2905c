"""The event: one API call as WSO2 reports it, with its id, its times and its envelope."""
