"""What can be wrong with a manifest: the rules, a problem as a value, and the report that collects them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path


class ProblemSeverity(StrEnum):
    """Errors always refuse the manifest, warnings only in strict mode."""

    ERROR = "error"
    WARNING = "warning"


class Rule(Enum):
    """The member's name is the code: R001 to R013 are upstream's, G001 to G009 Grove's own."""

    R001 = "the version of the manifest is missing or not 1.0"
    R002 = "two areas have the same id"
    R003 = "two components or assets have the same id"
    R004 = "two apps have the same id"
    R005 = "two functions have the same id"
    R006 = "an area or parent that is referred to does not exist, or the parents form a cycle"
    R007 = "the component an app is located on does not exist"
    R008 = "what an entity depends on does not exist"
    R009 = "the host of a function does not exist"
    R010 = "two apps are bound to the same node"
    R011 = "apps depend on each other in a cycle"
    R012 = "two scripts have the same id"
    R013 = "an external app has a ros_binding"
    G001 = "the file cannot be read, or is too large"
    G002 = "the file is not the YAML that is needed"
    G003 = "a value has the wrong type or is out of range"
    G004 = "an id is invalid"
    G005 = "a text contains control characters"
    G006 = "a required key is missing"
    G007 = "a resource has an unknown key"
    G008 = "two resources of one entity have the same id"
    G009 = "a resource does not fit the entity, or its keys do not fit each other"

    @property
    def severity(self) -> ProblemSeverity:
        """Whether breaking this rule is an error or a warning."""
        if self in {Rule.R008, Rule.R009, Rule.R013}:
            return ProblemSeverity.WARNING
        return ProblemSeverity.ERROR


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: line (from 1) and dotted key, `apps[2].is_located_on`."""

    line: int
    path: str


@dataclass(frozen=True, slots=True)
class ManifestProblem:
    """One mistake. `message` says what was found, what is allowed and what to do."""

    code: str
    severity: ProblemSeverity
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", {self.path}" if self.path else "")
        return f"{where}: {self.code} {self.severity.value}: {self.message}"


def problem_lines(file: Path, problems: Sequence[ManifestProblem]) -> list[str]:
    """Every problem of a refused manifest on its line, then how many there are."""
    lines = [
        ": ".join(
            part
            for part in (f"{file}:{each.line}", each.path, f"{each.code} {each.severity.value}", each.message)
            if part
        )
        for each in problems
    ]
    return [*lines, f"{len(lines)} problem{'' if len(lines) == 1 else 's'} in the manifest"]


class Report:
    """Collects the problems and the ignored keys of one manifest. The only mutable state of a load."""

    def __init__(self) -> None:
        self._problems: dict[ManifestProblem, None] = {}  # a key may be read twice, its problem counts once
        self._ignored: set[str] = set()
        self._misspelt: list[tuple[Place, str]] = []
        self.ignored_count = 0
        self.known_keys: dict[str, set[str]] = {}

    def add(self, rule: Rule, place: Place, message: str) -> None:
        """Record that `rule` is broken at `place`."""
        self._problems[ManifestProblem(rule.name, rule.severity, place.line, place.path, message)] = None

    def ignore(self, place: Place, guess: str = "") -> None:
        """Record a key nobody reads, and which one may have been meant; a key of several entities counts once."""
        self.ignored_count += 1
        self._ignored.add(_without_indexes(place.path))
        if guess:
            self._misspelt.append((place, guess))

    def know(self, path: str, keys: Iterable[str]) -> None:
        """Record which keys the reader looks for in a mapping: what the schema for editors must have, too."""
        self.known_keys.setdefault(_without_indexes(path), set()).update(keys)

    @property
    def problems(self) -> Sequence[ManifestProblem]:
        """All problems, in the order of the file."""
        return sorted(self._problems, key=lambda problem: (problem.line, problem.code, problem.path))

    @property
    def ignored_keys(self) -> tuple[str, ...]:
        """The ignored keys without indexes, `apps.category`, sorted."""
        return tuple(sorted(self._ignored))

    @property
    def misspelt_keys(self) -> tuple[str, ...]:
        """The ignored keys that are close to one that is read, each with its line, in the order of the file."""
        found = sorted(self._misspelt, key=lambda one: one[0].line)
        return tuple(f"line {place.line}, {place.path}: nobody reads this key{guess}" for place, guess in found)

    @property
    def to_mend(self) -> list[ManifestProblem]:
        """What to tell of a manifest that is refused: every problem, and the keys that are misspelt, most likely."""
        misspelt = [
            ManifestProblem("G007", ProblemSeverity.WARNING, place.line, place.path, f"nobody reads this key{guess}")
            for place, guess in self._misspelt
        ]
        return sorted([*self._problems, *misspelt], key=lambda problem: (problem.line, problem.code, problem.path))

    def refuses(self, *, strict: bool) -> bool:
        """Whether the manifest must not be used."""
        return any(strict or problem.severity is ProblemSeverity.ERROR for problem in self._problems)


def _without_indexes(path: str) -> str:
    return re.sub(r"\[\d+\]", "", path)
