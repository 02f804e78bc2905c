"""The settings of the log source."""

from typing import Final, Literal

from pydantic import Field

from bridge.settings import Duration, Size, SourceSettings

# With more to read at a time than these, logs take turns.
MAX_OPEN: Final = 256


class LogSourceSettings(SourceSettings):
    """`[bridge.sources.log]`: the gateway's metrics log, as log4j2 writes and rotates it."""

    paths: tuple[str, ...] = Field(
        min_length=1,
        description="Logs to follow: paths, or patterns that also match rotated files.",
        json_schema_extra={"sample": ["/home/wso2carbon/wso2am/repository/logs/apim_metrics*.log"]},
    )
    start_at: Literal["beginning", "end"] = Field(
        "beginning", description="Where the very first start begins in logs that exist already."
    )
    poll_interval: Duration = Field(0.25, gt=0, description="Time between two looks at the logs.")
    max_line_bytes: Size = Field(
        16 * 2**20,
        gt=0,
        description=(
            "Longest line; a longer one is rejected and counted, and so is an event of more than 4 MiB in it."
        ),
    )
    max_held_bytes: Size = Field(
        2**30,
        gt=0,
        description=(
            "Most disk space that deleted logs may take until they are read; beyond it the oldest are let go of "
            "and counted as lost."
        ),
    )
    ignore_older: Duration = Field(
        30 * 86400, description="The very first start leaves out logs that were not written for this long."
    )

    @property
    def descriptors(self) -> int:
        """Return how many logs it holds open at a time if it may."""
        return MAX_OPEN

    @property
    def files(self) -> tuple[str, ...]:
        """Return the paths or patterns that it follows."""
        return self.paths
