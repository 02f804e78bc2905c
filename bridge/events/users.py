"""Users as WSO2 names them: with their tenant, which is left out for the super tenant."""

from typing import Final

SUPER_TENANT: Final = "@carbon.super"


def user_name(text: str) -> str:
    """Return a user as WSO2's publisher sends it: with the tenant's name, unless it is the super tenant."""
    return text.removesuffix(SUPER_TENANT)
