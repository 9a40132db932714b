"""Every module of ours can be imported, and warns about nothing.

There is no circle among them (test_imports.py), so which one comes first makes no difference.
"""

import subprocess
import sys

from tests.architecture.source import ROOT, modules

IMPORT_ALL = """
import importlib, sys

for name in sys.argv[1].split(","):
    importlib.import_module(name)
"""


def test_every_module_imports_without_a_warning() -> None:
    ours = [name for name in modules() if not name.endswith("__main__")]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL, ",".join(ours)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)
