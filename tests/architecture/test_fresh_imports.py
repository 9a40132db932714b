"""Every module can be the first one of ours that is imported, and warns about nothing."""

import subprocess
import sys

from tests.architecture.source import ROOT, imports, is_third_party, modules

IMPORT_EACH_ALONE = """
import importlib, os, sys

libraries, ours = (names.split(",") for names in sys.argv[1:])
for name in libraries:
    importlib.import_module(name)

for name in ours:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(f"{name}: {error!r}", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
"""One interpreter loads the libraries; for each module of ours a copy of it, which has none of ours yet."""


def test_every_module_imports_first_and_without_a_warning() -> None:
    libraries = sorted({found.imported for found in imports() if is_third_party(found.imported)})
    ours = [name for name in modules() if not name.endswith("__main__")]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_EACH_ALONE, ",".join(libraries), ",".join(ours)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)
