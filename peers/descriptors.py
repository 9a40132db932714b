"""The open files that are for connections: of clients, and to peers.

A proxy needs a second file for every request it passes on; without a count it runs out of them, and then can neither
probe its peers nor save its state. Source: docs/configuration.md, "Limits".
"""

from typing import Final

PASSED_ON_SHARE: Final = 0.85
"""The part of these files that may be taken when one more connection is opened for a request of others."""

SERVED_SHARE: Final = 0.9
"""The part of these files that may be taken when one more client is served."""

ANSWERED_SHARE: Final = 0.95
"""The part of these files that may be taken when one more client is at least answered on `/health`. What is left is for
our own: probes, trees, events, and files."""


UNCOUNTED: Final = 1_000_000_000
"""Files where nobody counts."""


class Descriptors:
    """A count of sockets."""

    def __init__(self, files: int) -> None:
        """`files`: how many connections may take."""
        self.files = files
        # Mutable: how many sockets are open.
        self.open = 0

    def has_room(self, share: float) -> bool:
        """Whether less than this part of all files is taken by sockets."""
        return self.open < self.files * share
