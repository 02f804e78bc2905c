"""apim-bridge: from a WSO2 gateway's analytics events to every destination that needs them."""

__version__ = "0.1.0"
