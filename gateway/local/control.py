"""Who may start, stop and restart an entity, and by which of its operations (docs/api.md, "Status")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.local.answers import EntityRef, ResourceError

TRANSITIONS: Final = ("start", "restart", "force-restart", "shutdown", "force-shutdown")
"""What an entity may be asked to do, in the words of the standard."""


@dataclass(frozen=True, slots=True)
class Transition:
    """What a transition does: an operation of the entity, with parameters. The operation is asynchronous."""

    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Control:
    """The transitions of an entity. `refusal`: why nobody may ask for them, nor for their operations."""

    transitions: Mapping[str, Transition]
    refusal: str | None = None

    @property
    def offered(self) -> tuple[str, ...]:
        """The transitions that may be asked for."""
        return () if self.refusal is not None else tuple(word for word in TRANSITIONS if word in self.transitions)

    def withholds(self, operation: str) -> bool:
        """Whether there would be this operation if it were allowed."""
        named = {transition.operation for transition in self.transitions.values()}
        return self.refusal is not None and operation in named

    def transition(self, ref: EntityRef, word: str) -> Transition | ResourceError | None:
        """What the transition `word` of an entity does; 403 not allowed, 501 not offered; None: no transition."""
        if word not in TRANSITIONS:
            return None
        if self.refusal is not None:
            return refused(ref, self.refusal)
        return self.transitions.get(word) or _not_offered(ref, word, self.offered)


NO_CONTROL: Final = Control({})
"""Of an entity that is started and stopped elsewhere."""


def refused(ref: EntityRef, refusal: str) -> ResourceError:
    """The answer to a client that may not do it, whoever it is."""
    return ResourceError(403, "insufficient-access-rights", refusal, {"entity_id": ref.id})


def _not_offered(ref: EntityRef, word: str, offered: tuple[str, ...]) -> ResourceError:
    allowed = f"allowed are {', '.join(offered)}" if offered else "it is started and stopped elsewhere"
    message = f"'{ref.id}' cannot be asked to {word}; {allowed}"
    return ResourceError(501, "not-implemented", message, {"entity_id": ref.id, "feature": f"status/{word}"})
