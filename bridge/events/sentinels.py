"""Words and numbers that WSO2 writes where it knows nothing."""

from typing import Final

# UNKNOWN: gateway, nothing known. N/A: no client certificate, and the Moesif publisher's faults. null: a Java
# null in a string. "-": AWS. -1 is the number's form, seen as text where a publisher wrote strings.
SENTINELS: Final = frozenset({"", "UNKNOWN", "N/A", "null", "-", "-1"})


def real(text: str | None) -> str | None:
    """Return the text if it says something, else None."""
    return None if text is None or text in SENTINELS else text
