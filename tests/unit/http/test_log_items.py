"""The logs of many members as one list: what is not shown is not rendered, and no member's trouble is another's."""

from collections.abc import Sequence

from entities.model import App, EntityKind, GatewayTree
from gateway.http.log_items import LISTED_ENTRIES, RENDERED_ON_LOOP, own_log_items
from gateway.local.answers import EntityRef, ResourceError
from gateway.local.log_store import LogConfiguration
from gateway.local.logs.entry import LogEntry, LogFailure, LogOrigin, LogSeverity, LogText
from gateway.local.own import OwnEntities
from gateway.local.source import Changed, EntityResources, Offer

REFS = [EntityRef(EntityKind.APP, f"app{number}") for number in range(5)]


class Log:
    """So many entries at the given times."""

    def __init__(self, number: int, times: Sequence[int]) -> None:
        severities = (LogSeverity.INFO, LogSeverity.ERROR)
        self._entries = [
            LogEntry(one * 10 + number, LogText(one, severities[one % 2], f"{number} at {one}")) for one in times
        ]

    async def read(self) -> Sequence[LogEntry] | LogFailure:
        return self._entries


class Broken:
    """As none should be."""

    async def read(self) -> Sequence[LogEntry] | LogFailure:
        raise ZeroDivisionError


class Logs:
    """A source of Apps with these logs."""

    def __init__(self, *origins: LogOrigin) -> None:
        refs = REFS[: len(origins)]
        self.offer = Offer(
            GatewayTree(apps=tuple(App(id=ref.id) for ref in refs)),
            {ref: EntityResources(logs=(origin,)) for ref, origin in zip(refs, origins, strict=True)},
        )

    async def start(self) -> None: ...

    async def run(self, changed: Changed) -> None: ...

    async def close(self) -> None: ...


async def listed(*origins: LogOrigin, limits: LogConfiguration | None = None, kept: int = 100) -> list[list[str]]:
    own = OwnEntities([Logs(*origins)], clock=lambda: 1)
    refs = REFS[: len(origins)]
    for ref in refs:
        own.write_log_configuration(ref, {"max_entries": kept})
    found = await own_log_items(own, refs, {}, limits)
    assert not isinstance(found, ResourceError)
    assert [ref for ref, _ in found] == refs
    return [[item["message"] for item in items] for _, items in found]


async def test_the_newest_of_all_members_are_shown_as_the_entity_is_configured() -> None:
    logs = (Log(0, [1, 2, 9]), Log(1, []), Log(2, [3, 4, 5]))
    assert await listed(*logs, limits=LogConfiguration(max_entries=3)) == [["0 at 9"], [], ["2 at 4", "2 at 5"]]
    assert await listed(*logs, limits=LogConfiguration("error", 2)) == [["0 at 9"], [], ["2 at 5"]]
    assert await listed(*logs, limits=LogConfiguration()) == [
        ["0 at 1", "0 at 2", "0 at 9"],
        [],
        ["2 at 3", "2 at 4", "2 at 5"],
    ]


async def test_what_is_not_shown_is_not_rendered() -> None:
    logs = [Log(number, range(LISTED_ENTRIES)) for number in range(3)]
    assert sum(map(len, await listed(*logs, kept=LISTED_ENTRIES))) == LISTED_ENTRIES
    few = LogConfiguration(max_entries=RENDERED_ON_LOOP)
    assert sum(map(len, await listed(*logs, kept=LISTED_ENTRIES, limits=few))) == RENDERED_ON_LOOP


async def test_a_mistake_of_ours_in_one_log_is_told_beside_the_others() -> None:
    first, second = await listed(Broken(), Log(1, [1]))
    assert first == ["The log 'app0' cannot be read now: it cannot be read: ZeroDivisionError"]
    assert second == ["1 at 1"]
