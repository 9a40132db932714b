"""A piece of a file as lines, where the piece may begin and end inside one. Pure."""

from dataclasses import dataclass

LONG_LINE_BYTES = 256 * 1024
"""An unfinished line that is longer is shown without its end; what comes until the next line break is dropped."""


@dataclass(frozen=True, slots=True)
class Window:
    """The lines of a piece without their breaks, the bytes that need not be read again, and whether what follows
    these is inside a line of which no more is wanted.
    """

    lines: list[bytes]
    consumed: int
    inside: bool


def split_window(raw: bytes, *, inside: bool, take_unfinished: bool) -> Window:
    """The lines of `raw`. `inside`: it begins inside a line, which is dropped to its end.

    `take_unfinished`: a last line without a break counts too; otherwise it is left for the next reading.
    """
    begin = 0
    if inside:
        line_break = raw.find(b"\n")
        if line_break < 0:
            return Window([], len(raw), inside=True)
        begin = line_break + 1
    end = max(begin, raw.rfind(b"\n") + 1)
    lines = raw[begin:end].split(b"\n")[:-1]
    is_long = len(raw) - end > LONG_LINE_BYTES
    if end == len(raw) or not (take_unfinished or is_long):
        return Window(lines, end, inside=False)
    return Window([*lines, raw[end:]], len(raw), inside=is_long)
