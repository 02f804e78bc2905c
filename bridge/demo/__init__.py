"""Stand-ins for the two ends, a gateway and Moesif, for `apim-bridge demo` and the tests."""
