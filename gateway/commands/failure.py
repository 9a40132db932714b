"""Why a command ends with a message instead of a result."""


class CommandFailed(Exception):  # noqa: N818 -- an outcome for the user, not an error of the program
    """One clear line for the user; the command ends with exit code 1."""
