"""How a command ends when something goes wrong: in a sentence and an exit code, never in a traceback.

Exit code 2 for the configuration and the state folder that it names, 1 for the rest.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.cli.showing import printable
from bridge.errors import BridgeError, JournalUnusable, SettingsError


@contextmanager
def guard() -> Iterator[None]:
    """Run a command in here: an error that an operator can fix ends it with a sentence."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        try:
            yield
        finally:
            # What could not be written shows here at the latest.
            sys.stdout.flush()
    except SettingsError as error:
        say(str(error))
        raise SystemExit(2) from None
    except JournalUnusable as error:
        # Nothing gets better by trying again: a volume, its owner or `state_dir` has to change.
        say(f"apim-bridge: {error}")
        raise SystemExit(2) from None
    except BridgeError as error:
        say(f"apim-bridge: {error}")
        raise SystemExit(1) from None
    except BrokenPipeError:
        _end_as_by_a_closed_pipe()
    except OSError as error:
        _forget_output()
        where = error.filename if error.filename is not None else "standard output"
        say(f"apim-bridge: {os.fsdecode(where)}: {error.strerror or error}")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        _forget_output()
        raise SystemExit(130) from None


def say(text: str) -> None:
    """Tell the operator on standard error; control characters in it are shown, not obeyed."""
    for line in text.split("\n"):
        print(printable(line), file=sys.stderr)


def open_standard_files() -> None:
    """Open standard files that are closed: otherwise the next file to be opened would take their place."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - for as long as the process runs
        elif hasattr(stream, "reconfigure"):
            # A terminal of another encoding gets what it cannot show as numbers.
            stream.reconfigure(errors="backslashreplace")


def _end_as_by_a_closed_pipe() -> None:
    """End as `cat` ends when its reader has gone: by the signal, which shells know as 141."""
    _forget_output()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)


def _forget_output() -> None:
    """Discard unwritten output, so that the interpreter does not complain about it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
