"""What the annotations of a program's functions say: types of values, and arguments of operations. Pure."""

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Union

from annotated_types import Ge, Le, MaxLen

from gateway.local.operation_arguments import Argument
from gateway.local.values import DataType, infer_type
from grove.progress import Progress

_TYPES: Final[Mapping[Any, DataType]] = {
    bool: DataType.BOOL,
    int: DataType.INT,
    float: DataType.DOUBLE,
    str: DataType.STRING,
    dict: DataType.OBJECT,
    list: DataType.ARRAY,
    tuple: DataType.ARRAY,
    Mapping: DataType.OBJECT,
    Sequence: DataType.ARRAY,
}

ALLOWED: Final = "bool, int, float, str, dict, list, or one of them with None"


def type_of(hint: Any) -> DataType | None:
    """The type of value that an annotation stands for; None for one that stands for no type of JSON."""
    bare = _without_none(_bare(hint))
    if typing.get_origin(bare) is Literal:
        found = {infer_type(choice) for choice in typing.get_args(bare)}
        return found.pop() if len(found) == 1 else None
    return _TYPES.get(typing.get_origin(bare) or bare)


def returned_type(function: Callable[..., Any], word: str) -> DataType:
    """The type that a function says it returns. Raises TypeError, naming `word`, if it says none that can be."""
    hint = _hints(function).get("return", inspect.Signature.empty)
    found = None if hint is inspect.Signature.empty else type_of(hint)
    if found is None:
        said = "nothing about what it returns" if hint is inspect.Signature.empty else f"that it returns {hint!r}"
        raise TypeError(f"{word}: the function says {said}; annotate it with {ALLOWED}, or give type=")
    return found


def arguments_of(function: Callable[..., Any], word: str) -> tuple[Argument, ...]:
    """The arguments of an operation from the signature of its function. Raises TypeError, naming `word`."""
    hints = _hints(function)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{word}: found the parameter {parameter}; allowed are named ones")
        hint = hints.get(name, inspect.Parameter.empty)
        if hint is Progress:
            continue
        data_type = None if hint is inspect.Parameter.empty else type_of(hint)
        if data_type is None:
            raise TypeError(f"{word}: found the parameter {parameter}; annotate it with {ALLOWED}, or grove.Progress")
        found.append(_argument(name, data_type, hint, parameter))
    return tuple(found)


def progress_name(function: Callable[..., Any]) -> str | None:
    """The parameter that wants to be given a `Progress`, if there is one."""
    return next((name for name, hint in _hints(function).items() if hint is Progress and name != "return"), None)


def _argument(name: str, data_type: DataType, hint: Any, parameter: inspect.Parameter) -> Argument:
    limits = _limits(hint)
    bare = _without_none(_bare(hint))
    is_given = parameter.default is not inspect.Parameter.empty
    return Argument(
        name=name,
        type=data_type,
        required=not is_given,
        default=parameter.default if is_given else None,
        minimum=_bound(limit.ge for limit in limits if isinstance(limit, Ge)),
        maximum=_bound(limit.le for limit in limits if isinstance(limit, Le)),
        max_length=next((limit.max_length for limit in limits if isinstance(limit, MaxLen)), None),
        choices=typing.get_args(bare) if typing.get_origin(bare) is Literal else (),
        description=next((limit for limit in limits if isinstance(limit, str)), ""),
    )


def _bound(found: Iterable[Any]) -> float | None:
    """The first bound. Raises TypeError for one that is no number."""
    bound = next(iter(found), None)
    if bound is not None and not isinstance(bound, int | float):
        raise TypeError(f"found the bound {bound!r}; allowed are numbers")
    return bound


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Annotations, those written as text among them. Raises TypeError for a name that is none."""
    try:
        return typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    except NameError as error:
        raise TypeError(f"{getattr(function, '__name__', function)}: {error} in its annotations") from error


def _limits(hint: Any) -> tuple[Any, ...]:
    """What `Annotated` says beside the type, also where None is allowed too."""
    if typing.get_origin(hint) is Annotated:
        return typing.get_args(hint)[1:]
    parts = typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else ()
    return next((found for part in parts if (found := _limits(part))), ())


def _bare(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def _without_none(hint: Any) -> Any:
    """`int | None` as `int`."""
    if typing.get_origin(hint) not in (Union, types.UnionType):
        return hint
    others = [each for each in typing.get_args(hint) if each is not types.NoneType]
    return _bare(others[0]) if len(others) == 1 else hint
