"""A value that a program holds and changes when it likes, instead of being asked for it."""

import time
from typing import Generic, TypeVar

from gateway.local.bindings import DataSpec, HeldData
from gateway.local.data_items import HeldItem, Sample
from grove.plain import plain

T = TypeVar("T")


class Value(Generic[T]):
    """`set` and `get` may be called from any thread. Clients may write it if it is writable."""

    def __init__(self, spec: DataSpec, start: T | None) -> None:
        self.item = HeldItem(HeldData(spec, None if start is None else plain(start, spec.type)), time.time_ns)
        """What the gateway serves."""

    def __repr__(self) -> str:
        return f"<Value {self.item.spec.id}={self.get()!r}>"

    def set(self, value: T) -> None:
        """What it is from now on. Raises ValueError for a value of another type than it is declared with, that is
        longer than 64 KiB as JSON, or that is no JSON. What is set is copied.
        """
        self.item.hold(plain(value, self.item.spec.type))

    def get(self) -> T | None:
        """What it is now; None while nothing was set."""
        sample: Sample | None = self.item.sample
        value: T | None = None if sample is None else sample.value
        return value
