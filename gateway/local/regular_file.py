"""Opens files that can be read to an end: opening a FIFO waits for whoever writes into it, a device may never end."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path


class NotRegularError(OSError):
    """What stands there is a folder, a FIFO or a device."""


def open_regular(path: Path) -> BufferedReader:
    """For reading, closed by the caller. Raises OSError, and ValueError for a path that can be none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularError(errno.EINVAL, "not a regular file")
    return open(descriptor, "rb")  # noqa: PTH123 -- a descriptor has no path; the caller closes it
