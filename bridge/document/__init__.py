"""The configuration file as text and tables: found, read, its placeholders resolved; nothing of it is checked yet.

Only the standard library and a TOML reader: `status` finds its daemon with this, and must not wait for models.
"""
