"""A fan unit that speaks HTTP as small devices do; it stands for yours. `python3 device.py [PORT]`."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


class FanUnit:
    """The physics: the air is warmer the slower the fan turns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._speed, self._boost_until, self._temperature = 40, 0.0, 22.0
        self._filter_since = self._at = time.monotonic()

    def status(self) -> dict[str, Any]:
        """What the device says of itself."""
        with self._lock:
            now = time.monotonic()
            speed = 100 if now < self._boost_until else self._speed
            wanted = 28.0 - speed / 10
            self._temperature += (wanted - self._temperature) * min(1.0, (now - self._at) / 2)
            self._at = now
            return {
                "fan": {"speed": speed, "boost": now < self._boost_until},
                "sensors": [{"name": "air", "value": round(self._temperature, 2)}],
                "filter": {"hours": round((now - self._filter_since) / 3600, 4)},
            }

    def set_speed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Takes `{"speed": PERCENT}`."""
        with self._lock:
            self._speed = int(body["speed"])
        return self.status()

    def boost(self, body: dict[str, Any]) -> dict[str, Any]:
        """Takes `{"seconds": SECONDS}`."""
        with self._lock:
            self._boost_until = time.monotonic() + float(body["seconds"])
        return {"boost_s": float(body["seconds"])}

    def reset_filter(self, _body: dict[str, Any]) -> dict[str, Any]:
        """The filter is new."""
        with self._lock:
            self._filter_since = time.monotonic()
        return {"filter": "new"}


class Handler(BaseHTTPRequestHandler):
    """One request; every answer is JSON."""

    unit: ClassVar = FanUnit()

    def do_GET(self) -> None:
        self._answer({"/status": lambda _body: self.unit.status()})

    def do_PUT(self) -> None:
        self._answer({"/fan": self.unit.set_speed})

    def do_POST(self) -> None:
        self._answer({"/boost": self.unit.boost})

    def do_DELETE(self) -> None:
        self._answer({"/filter/hours": self.unit.reset_filter})

    def _answer(self, actions: dict[str, Any]) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, said = 404, {"error": f"there is no {self.command} {self.path}"}
        if self.path in actions:
            try:
                status, said = 200, actions[self.path](json.loads(body or b"{}"))
            except (KeyError, TypeError, ValueError) as error:
                status, said = 422, {"error": f"not understood: {error!r}"}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_words: object) -> None:
        """Small devices keep no log."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
    print(f"the fan unit answers at http://127.0.0.1:{port}/status", flush=True)
    try:
        ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
