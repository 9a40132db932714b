"""A stand-in for the program `systemctl`, over units that are files; nothing else of systemd is needed."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PROGRAM = """#!{python} -IS
import json, os, pathlib, sys, time
folder = pathlib.Path({folder!r})
with (folder / "asked").open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if (folder / "hang").exists():
    time.sleep(5)
words = sys.argv[1:sys.argv.index("--")]
units = sys.argv[sys.argv.index("--") + 1:]
def told(unit):
    path = folder / unit
    state = json.loads(path.read_text()) if path.exists() else {{"LoadState": "not-found", "ActiveState": "inactive"}}
    return {{"Id": unit, "Names": unit, **state}}
if words[0] == "show":
    print("\\n\\n".join("\\n".join(f"{{key}}={{value}}" for key, value in told(unit).items()) for unit in units))
    sys.exit(0)
for unit in units:
    state = told(unit)
    if state["LoadState"] != "loaded":
        sys.exit(f"Failed to {{words[0]}} {{unit}}: Unit {{unit}} not found.")
    state["ActiveState"] = {{"stop": "inactive", "kill": "failed"}}.get(words[0], "active")
    (folder / unit).write_text(json.dumps(state))
"""


class FakeSystemctl:
    """The program and its units. `calls`: what it was asked, one line each."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        program = folder / "systemctl"
        program.write_text(_PROGRAM.format(python=os.path.realpath(sys.executable), folder=str(folder)))
        program.chmod(0o755)
        self.program = str(program)

    def set(self, unit: str, state: str, **properties: Any) -> None:
        """The unit is in this state of systemd from now on."""
        told: Mapping[str, Any] = {"LoadState": "loaded", "ActiveState": state, "SubState": "some", **properties}
        new = self._folder / f"{unit}.new"
        new.write_text(json.dumps(told))
        new.rename(self._folder / unit)

    def hang(self, *, hangs: bool) -> None:
        """Whether it answers."""
        if hangs:
            (self._folder / "hang").touch()
        else:
            (self._folder / "hang").unlink()

    @property
    def calls(self) -> list[str]:
        asked = self._folder / "asked"
        return asked.read_text().splitlines() if asked.exists() else []
