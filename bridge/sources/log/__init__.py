"""The `log` source: WSO2's metrics log, followed through every rotation."""
