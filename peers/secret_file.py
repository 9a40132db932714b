"""Files that hold what a peer is shown. Only regular ones: opening a FIFO waits for whoever writes into it."""

import errno
import os
import stat
from pathlib import Path


def read_secret_file(path: Path, limit_bytes: int) -> bytes:
    """Its bytes, up to one more than the limit. Blocks. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor has no path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read(limit_bytes + 1)
