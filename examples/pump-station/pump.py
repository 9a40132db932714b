"""A pump station as a gateway of its own: a tank that empties, a pump that fills it, and what may go wrong."""

import asyncio
import sys
import threading
import time
from typing import Annotated, Literal

from annotated_types import Ge, Le

import grove

app = grove.App("pump", name="Feed pump", component="pump_station", tags=["water"])

low_limit = app.configuration("low_limit", 1.5, min=0, max=6, unit="bar", description="below it, P_LOW")
app.fault("P_LOW", "Pressure is low", severity=grove.Severity.WARN, snapshot=["pressure", "speed"])
mode = app.value("mode", "auto", name="Mode")


class Plant:
    """The physics: pressure falls by itself and rises while the pump runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pressure, self._speed, self._at = 2.0, 0.0, time.monotonic()

    def pressure(self) -> float:
        with self._lock:
            self._advance()
            return round(self._pressure, 3)

    def run(self, speed: float) -> None:
        with self._lock:
            self._advance()
            self._speed = speed

    @property
    def speed(self) -> float:
        return self._speed

    def _advance(self) -> None:
        now = time.monotonic()
        change = (0.006 * self._speed - 0.25) * (now - self._at)
        self._pressure, self._at = min(6.0, max(0.0, self._pressure + change)), now


plant = Plant()


@app.data("pressure", unit="bar")
def pressure() -> float:
    return plant.pressure()


@app.data("speed", unit="%")
async def speed() -> float:
    return plant.speed


@app.write("speed", min=0, max=100)
def set_speed(value: float) -> None:
    if mode.get() == "auto":
        raise grove.Refused("the pump is in automatic mode; start 'select_mode' with mode 'manual' first")
    plant.run(value)


@app.operation("select_mode")
def select_mode(mode_name: Literal["auto", "manual"]) -> dict[str, str]:
    """Let the station regulate itself, or not."""
    mode.set(mode_name)
    return {"mode": mode_name}


@app.operation("prime", confirm="The pump will run at full speed. Is the suction valve open?", asynchronous=True)
async def prime(progress: grove.Progress, seconds: Annotated[float, Ge(0.1), Le(60)] = 2.0) -> dict[str, float]:
    """Run at full speed for a while."""
    before = plant.speed
    try:
        plant.run(100)
        for step in range(10):
            progress(10 * step)
            await asyncio.sleep(seconds / 10)
    finally:
        plant.run(before)
    return {"pressure": plant.pressure()}


def watch() -> None:
    """Regulates the pressure and reports when it is low; runs in a thread of its own."""
    while True:
        found = plant.pressure()
        if found < low_limit.value:
            app.report_fault("P_LOW", f"Pressure is {found} bar, below {low_limit.value} bar")
            if mode.get() == "auto":
                plant.run(60)
        else:
            app.pass_fault("P_LOW")
            if mode.get() == "auto" and found > low_limit.value + 1:
                plant.run(0)
        time.sleep(0.2)


if __name__ == "__main__":
    threading.Thread(target=watch, daemon=True).start()
    sys.exit(grove.run(app, peers=sys.argv[1:]))
