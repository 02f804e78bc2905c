"""`apim-bridge`, and `python -m bridge`."""

import sys

from bridge.app.signals import SIGNALS


def main() -> None:
    """Run the command that was asked for."""
    if sys.argv[1:2] == ["run"]:
        # First of all: whoever starts the daemon may stop it at any moment.
        SIGNALS.listen()
    from bridge.cli import main as command_line  # noqa: PLC0415 - takes a twentieth of a second

    command_line()


if __name__ == "__main__":
    main()
