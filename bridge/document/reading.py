"""Finds the configuration file, reads it as TOML, and tells what can be told without checking it."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomli

from bridge.document.faults import Faults
from bridge.document.placeholders import Placeholders
from bridge.errors import SettingsError

PLACES: Final = ("bridge.toml", "/etc/apim-bridge/bridge.toml")
"""Where the configuration is looked for when nobody says where it is."""
DEFAULT_STATE_DIR: Final = Path("/var/lib/apim-bridge")
_CURE: Final = "name it with --config or APIM_BRIDGE_CONFIG"


def find(environ: Mapping[str, str]) -> Path:
    """Return the configuration's path when the command line names none; raises SettingsError."""
    if named := environ.get("APIM_BRIDGE_CONFIG", "").strip():
        return Path(named)
    for place in PLACES:
        # A file that is there but cannot be read counts, too: reading it says what is wrong.
        path = Path(place)
        try:
            if path.exists():
                return path
        except OSError:
            return path
    raise SettingsError(
        f"no configuration: there is neither ./{PLACES[0]} nor {PLACES[1]}; {_CURE}, or let "
        "`apim-bridge init` write one"
    )


def parse(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; raises SettingsError with the cure."""
    try:
        # Windows' editors begin a file with a byte order mark, and end its lines in their own way.
        text = path.read_bytes().decode("utf-8-sig")
        return tomli.loads(text)
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: there is no such file; {_CURE}, mount it there, or let `apim-bridge init` write one"
        ) from None
    except IsADirectoryError:
        # Docker makes a directory where a file to be mounted is not there.
        raise SettingsError(
            f"{path}: is a folder, not a file; {_CURE}, and see that what is mounted there exists"
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{path}: {error.strerror}; let this user (uid {os.getuid()}) read it, or {_CURE}"
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8") from None
    except tomli.TOMLDecodeError as error:
        cure = "correct the TOML there: texts in quotes, each key once in its table"
        raise SettingsError(f"{path}: line {error.lineno}: {error.msg}; {cure}") from None
    except RecursionError:
        raise SettingsError(f"{path}: nested too deeply; a configuration needs four levels") from None


def state_dir(path: Path, environ: Mapping[str, str]) -> Path:
    """Return the state folder of a file that may have faults elsewhere; raises SettingsError."""
    document = parse(path)
    faults = Faults(path)
    written = faults.table(document, "bridge", "bridge").get("state_dir", str(DEFAULT_STATE_DIR))
    folder = Placeholders(document, environ, faults).resolve(written, "bridge.state_dir")
    faults.check()
    if not isinstance(folder, str) or not folder.strip():
        faults.add(
            "bridge.state_dir",
            "is not a folder",
            f'write it as a text, like state_dir = "{DEFAULT_STATE_DIR}"',
        )
    faults.check()
    return Path(folder)


def fingerprint(document: Mapping[str, Any]) -> str:
    """Return a short hash of [bridge] and [apim.analytics] as they are written, to compare instances.

    Comments, order and the rest of the file do not count, nor does what a placeholder stands for: a hash that
    everybody may see must not depend on a secret.
    """
    apim = document.get("apim")
    parts = [document.get("bridge"), apim.get("analytics") if isinstance(apim, dict) else None]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
