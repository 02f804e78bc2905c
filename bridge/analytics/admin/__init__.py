"""What operators make, and the server keeps beside the store: tokens, and what stands on them.

One SQLite file, `admin.db`. The command line writes to it while the process runs: what it makes holds with the next
request, and what it takes away has ended by then.
"""

from bridge.analytics.admin.file import AdminFile, for_command

__all__ = ["AdminFile", "for_command"]
