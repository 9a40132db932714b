"""Prints what a process is as its module begins: what tells one that was forked from one that was started.

    python -m tests.federation.portrait ARGUMENTS

`alike` must not depend on how it was started, `own` must differ from process to process.
"""

import json
import locale
import os
import random
import resource
import signal
import sys
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any


def descriptors() -> dict[str, str]:
    """Where each open descriptor leads."""
    found = {}
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the folder itself, which is closed by now
            found[each.name] = str(each.readlink())
    return found


def files() -> list[Any]:
    """The standard files as Python sees them."""
    texts = (sys.stdin, sys.stdout, sys.stderr)
    return [(each.encoding, each.errors, each.line_buffering, each.isatty(), each.mode) for each in texts]


def portrait() -> dict[str, Any]:
    """Both halves."""
    main = sys.modules["__main__"]
    return {
        "alike": {
            "arguments": sys.argv,
            "command": sys.orig_argv,
            "folder": str(Path.cwd()),
            "environ": dict(os.environ),
            "path": sys.path,
            "flags": str(sys.flags),
            "warnings": sys.warnoptions,
            "descriptors": descriptors(),
            "files": files(),
            "signals": {int(each): str(signal.getsignal(each)).split(" at ")[0] for each in signal.valid_signals()},
            "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            "threads": [each.name for each in threading.enumerate()],
            "main": (main.__name__, main.__spec__ and main.__spec__.name, main.__file__),
            "umask": os.umask(0o022),
            "limits": [resource.getrlimit(each) for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)],
            "group": (os.getpgid(0), os.getsid(0)),
            "niceness": os.nice(0),
            "locale": locale.getlocale(),
            "zone": time.tzname,
        },
        "own": {"pid": os.getpid(), "random": random.random(), "uuid": str(uuid.uuid4())},
    }


if __name__ == "__main__":
    print(json.dumps(portrait()))
