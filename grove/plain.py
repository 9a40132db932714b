"""Values of a program as what can be sent to clients."""

from typing import Any

import msgspec

from gateway.local.values import DataType, MisfitError, check_size, conform


def plain(value: Any, data_type: DataType) -> Any:
    """A copy of `value` in lists, mappings and text. Raises MisfitError for what is of another type, too long or no
    JSON.
    """
    try:
        found = conform(msgspec.to_builtins(value, str_keys=True), data_type)
        if not isinstance(found, bool | int | float):
            check_size(found)
    except MisfitError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise MisfitError(f"found what is no JSON: {error}") from error
    return found
