"""Passwords of workspaces: kept as scrypt, so that whoever reads the file has to guess slowly."""

import hashlib
import hmac
import secrets
from typing import Final

from bridge.errors import Unanswerable

LEAST: Final = 8
MOST: Final = 200
# 2^14 · 8 · 1: 16 MiB and 30 ms for each try (RFC 7914).
_COST: Final = {"n": 2**14, "r": 8, "p": 1}


def hashed(password: object) -> str:
    """Return what is kept of a password; raises Unanswerable for one that is too short."""
    if not isinstance(password, str) or not LEAST <= len(password) <= MOST:
        raise Unanswerable(
            f"the password is not a text of {LEAST} to {MOST} characters",
            "take a longer one",
            field="password",
        )
    salt = secrets.token_bytes(16)
    return "$".join(("scrypt", salt.hex(), _digest(password, salt)))


def matches(password: str, kept: str) -> bool:
    """Return whether this is the password. Takes 30 ms: not on the loop's thread."""
    _, salt, digest = kept.split("$")
    return hmac.compare_digest(_digest(password[:MOST], bytes.fromhex(salt)), digest)


def mark(kept: str) -> str:
    """Return what tells this password from another one, in the token of who has given it."""
    return hashlib.sha256(kept.encode()).hexdigest()[:12]


def _digest(password: str, salt: bytes) -> str:
    return hashlib.scrypt(password.encode("utf-8", "surrogateescape"), salt=salt, **_COST).hex()
