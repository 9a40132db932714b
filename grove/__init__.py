"""A Python program as a gateway of its own (docs/sdk.md).

import grove

app = grove.App("pump")

@app.data("pressure", unit="bar")
def pressure() -> float:
    return read_the_sensor()

grove.run(app, peers=["http://machine:8080"])
"""

from gateway.local.fault_spec import Severity
from grove.app import App
from grove.callables import Refused
from grove.held import Value
from grove.progress import Progress
from grove.running import run
from grove.setting import Setting

__all__ = ["App", "Progress", "Refused", "Setting", "Severity", "Value", "run"]
