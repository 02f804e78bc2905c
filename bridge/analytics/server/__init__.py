"""The analytics process's server: it takes events in, and answers over HTTP."""
