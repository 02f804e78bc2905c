"""Print the annotated sample configuration: `python -m bridge.cli.sample > config/bridge.toml`."""

import sys

from bridge.settings.kinds import Models
from bridge.settings.sample import sample
from bridge.sinks import SINKS
from bridge.sources import SOURCES


def main() -> None:
    """Write the sample for all sinks and sources to standard output."""
    sys.stdout.write(
        sample(
            sinks=Models(SINKS),
            sources=Models(SOURCES),
        )
    )


if __name__ == "__main__":
    main()
