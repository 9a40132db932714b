"""One App of the tree, as a program declares it: what it offers is registered first, then `grove.run` serves it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final, TypeVar

from entities.items import NOT_IN_IDS, is_addressable
from entities.model import ID_RULE, EntityKind, is_valid_id
from gateway.local.answers import EntityRef
from gateway.local.bindings import CONFIGURATION_ID_LIMIT, DATA_ID_LIMIT, DEFAULT_CATEGORY, Configuration, DataSpec
from gateway.local.bound_item import BoundItem
from gateway.local.flights import Flights
from gateway.local.manifest.fields import suggestion
from gateway.local.operations import DEFAULT_TIMEOUT_S, OPERATION_ID_LIMIT, OperationSpec
from gateway.local.shared_read import READ_TIMEOUT_S
from gateway.local.value_range import ValueRange
from gateway.local.values import DataType, conform, infer_type
from grove.annotations import arguments_of, progress_name, returned_type
from grove.callables import Function
from grove.held import Value
from grove.journal import JournalHandler
from grove.operation import FunctionOperation
from grove.reading import FunctionReader, FunctionWriter
from grove.reports import Reports
from grove.setting import Setting

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

TYPE_WORDS: Final = ", ".join(data_type.value for data_type in DataType)


class App(Reports):
    """An App with data, operations, configurations and faults. All mistakes are TypeError or ValueError, at once.

    `component`: the id of the Component it is located on, which is declared with it.
    """

    def __init__(
        self,
        app_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] = (),
        component: str | None = None,
        depends_on: Iterable[str] = (),
    ) -> None:
        for word, found in (("app", app_id), ("component", component)):
            if found is not None and not is_valid_id(found):
                raise ValueError(f"{word}: found the id {found!r}; {ID_RULE}")
        super().__init__(app_id)
        self.id = app_id
        self.name = name or app_id
        self.description = description
        self.tags = tuple(tags)
        self.component = component
        self.depends_on = tuple(depends_on)
        self.log_handler = JournalHandler(app_id)
        """A handler of the standard library's logging; what it gets is the App's log."""
        self.flights = Flights()
        """The readings under way; whoever serves the App closes it."""
        # Mutable until it is served: what it offers, by id.
        self.readings: dict[str, BoundItem] = {}
        self.values: dict[str, Value[Any]] = {}
        self.operations: dict[str, FunctionOperation] = {}
        self.configurations: dict[str, Configuration] = {}

    def __repr__(self) -> str:
        data, operations = len(self.readings) + len(self.values), len(self.operations)
        return f"<App {self.id}: {data} data, {operations} operations, {len(self.configurations)} configurations>"

    def data(
        self,
        item_id: str,
        *,
        name: str | None = None,
        unit: str | None = None,
        type: str | None = None,  # noqa: A002 -- the word of the manifest and of the wire
        category: str = DEFAULT_CATEGORY,
        fresh_s: float = 0.0,
        timeout_s: float = READ_TIMEOUT_S,
    ) -> Callable[[F], F]:
        """Serve what the function below returns. Its annotation says the type, or `type` does.

        `fresh_s`: seconds in which an answer is given again without asking. `timeout_s`: seconds a reader waits.
        """
        self._check_new("data", item_id, DATA_ID_LIMIT, self.readings | self.values)

        def register(function: F) -> F:
            data_type = _typed(type) or returned_type(function, f"data {item_id!r}")
            self.readings[item_id] = BoundItem(
                DataSpec(item_id, name or item_id, data_type, category, unit),
                EntityRef(EntityKind.APP, self.id),
                reader=FunctionReader(Function(function, item_id), data_type),
                flights=self.flights,
                clock=time.time_ns,
                refresh_s=fresh_s,
                read_timeout_s=timeout_s,
            )
            return function

        return register

    def write(self, item_id: str, *, min: float | None = None, max: float | None = None) -> Callable[[F], F]:  # noqa: A002 -- as below
        """Have the function below called with what a client writes to the data item `item_id`, which is declared."""
        _check_text("write", item_id)
        if item_id not in self.readings:
            known = ", ".join(map(repr, self.readings)) or "none yet"
            raise ValueError(f"write: found no data item {item_id!r} that a function serves; there are {known}")

        def register(function: F) -> F:
            reading = self.readings[item_id]
            spec = replace(reading.spec, writable=True, range=ValueRange(min, max))
            reading.write_with(FunctionWriter(Function(function, item_id)), spec)
            return function

        return register

    def value(
        self,
        item_id: str,
        start: T | None = None,
        *,
        name: str | None = None,
        unit: str | None = None,
        type: str | None = None,  # noqa: A002 -- as above
        category: str = DEFAULT_CATEGORY,
        writable: bool = False,
    ) -> Value[T]:
        """Serve a value that the program sets. `type` is that of `start` unless it is given."""
        self._check_new("value", item_id, DATA_ID_LIMIT, self.readings | self.values)
        data_type = _typed(type) or infer_type(start)
        if data_type is None:
            raise TypeError(f"value {item_id!r}: found neither a start of a type of JSON nor type={TYPE_WORDS}")
        held = Value[T](DataSpec(item_id, name or item_id, data_type, category, unit, writable), start)
        self.values[item_id] = held
        return held

    def operation(
        self,
        operation_id: str,
        *,
        name: str | None = None,
        description: str = "",
        confirm: str | None = None,
        asynchronous: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        at_once: int = 1,
    ) -> Callable[[F], F]:
        """Offer the function below. Its parameters are those of the operation, with their types and defaults.

        `confirm`: what a person is asked first. `asynchronous`: the client is answered at once and asks again.
        `at_once`: how many executions may run together.
        """
        self._check_new("operation", operation_id, OPERATION_ID_LIMIT, self.operations)

        def register(function: F) -> F:
            spec = OperationSpec(
                id=operation_id,
                name=name or operation_id,
                asynchronous=asynchronous,
                arguments=arguments_of(function, f"operation {operation_id!r}"),
                confirm=confirm,
                timeout_s=timeout_s,
                at_once=at_once,
                description=description or (function.__doc__ or "").strip().partition("\n")[0],
            )
            called = Function(function, operation_id)
            self.operations[operation_id] = FunctionOperation(spec, called, progress_name(function))
            return function

        return register

    def configuration(
        self,
        item_id: str,
        default: T,
        *,
        min: float | None = None,  # noqa: A002 -- the words of the manifest and of the wire
        max: float | None = None,  # noqa: A002 -- the same
        choices: Iterable[T] = (),
        unit: str | None = None,
        description: str = "",
        read_only: bool = False,
        accept: Callable[[T], Any] | None = None,
    ) -> Setting[T]:
        """Offer a value that clients may change within its range and that survives a restart.

        `accept` is called with a new value before it counts, and may raise `Refused`.
        """
        self._check_new("configuration", item_id, CONFIGURATION_ID_LIMIT, self.configurations)
        data_type = infer_type(default)
        if data_type is None:
            raise TypeError(f"configuration {item_id!r}: found {default!r}; allowed are values of JSON")
        allowed = ValueRange(min, max, choices=tuple(choices))
        allowed.check(conform(default, data_type))
        setting = Setting(item_id, default, accept)
        self.configurations[item_id] = Configuration(
            id=item_id,
            value=default,
            type=data_type,
            read_only=read_only,
            description=description,
            unit=unit,
            range=allowed,
            apply=setting.apply,
        )
        return setting

    def _check_new(self, word: str, item_id: str, limit: int, known: Iterable[str]) -> None:
        _check_text(word, item_id)
        if not 1 <= len(item_id) <= limit:
            raise ValueError(f"found an id of {len(item_id)} characters; allowed are 1 to {limit}")
        if not is_addressable(item_id):
            raise ValueError(f"found the id {item_id!r}; allowed is text without {NOT_IN_IDS}: it stands in paths")
        if item_id in known:
            raise ValueError(f"found {item_id!r} a second time on {self.id!r}; allowed is each id once")


def _check_text(word: str, item_id: object) -> None:
    """Raises TypeError for what is no text, such as the function below `@app.data` without parentheses."""
    if callable(item_id):
        name = getattr(item_id, "__name__", "id")
        raise TypeError(f'{word}: found a function where the id belongs; write @app.{word}("{name}") above it')
    if not isinstance(item_id, str):
        raise TypeError(f"{word}: found {item_id!r} as the id; allowed is text")


def _typed(word: str | None) -> DataType | None:
    if word is None:
        return None
    try:
        return DataType(word)
    except ValueError:
        meant = suggestion(word, [data_type.value for data_type in DataType])
        raise ValueError(f"found type={word!r}; allowed are {TYPE_WORDS}{meant}") from None
