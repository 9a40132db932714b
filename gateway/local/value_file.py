"""Files that hold one value: read within bounds, replaced whole or not at all. Everything here blocks."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from gateway.local.regular_file import NotRegularError, open_regular

IN_PLACE: Final = (Path("/sys"), Path("/proc"))
"""Below these a file is a knob of the kernel: it cannot be replaced, and takes each write as a whole."""

NEW_FILE_MODE: Final = 0o644
"""Permissions of a file that was not there before."""


class ValueFileError(Exception):
    """A file cannot be read or written. The text is for a client and names no path."""


def read_value_file(path: Path, limit_bytes: int) -> bytes:
    """What a file says, up to one byte more than the limit. Raises ValueFileError."""
    try:
        with open_regular(path) as file:
            return file.read(limit_bytes + 1)
    except NotRegularError as error:
        raise ValueFileError("its file is not a regular file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ValueFileError(f"its file cannot be read: {_why(error)}") from error


def write_value_file(path: Path, said: bytes) -> None:
    """Have the file say this and nothing else; a reader sees the old or the new, also after a crash.

    A symbolic link stays one. Raises ValueFileError, and the file is what it was.
    """
    try:
        target = path.resolve()
        if any(target.is_relative_to(folder) for folder in IN_PLACE):
            _write_in_place(target, said)
        else:
            _replace(target, said)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ValueFileError(f"its file cannot be written: {_why(error)}") from error


def _write_in_place(path: Path, said: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.write(descriptor, said)
    finally:
        os.close(descriptor)


def _replace(path: Path, said: bytes) -> None:
    if path.exists() and not path.is_file():
        raise ValueError("it is not a regular file")
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else NEW_FILE_MODE
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    new = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(said)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """So that the new name survives a crash, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or "unknown error"
    return "invalid name" if "null" in str(error) else str(error)
