"""Commands that have commands of their own."""

import click


class InOrder(click.Group):
    """A group whose help lists its commands in the order in which they stand in the code."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return their names."""
        return list(self.commands)
