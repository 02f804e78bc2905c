"""Print the annotated sample configuration: `python -m bridge.cli.sample > config/bridge.toml`."""

import sys

from bridge.settings.kinds import Models
from bridge.settings.sample import sample
from bridge.sinks import SINKS
from bridge.sources import SOURCES


def text() -> str:
    """Return the sample for all sinks and sources."""
    return sample(
        sinks=Models(SINKS),
        sources=Models(SOURCES),
    )


if __name__ == "__main__":
    # Beside the file lies its schema, by which editors complete and check it.
    sys.stdout.write(f"#:schema bridge.schema.json\n{text()}")
