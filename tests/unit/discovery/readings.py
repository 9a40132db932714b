"""A source at work, and what it published."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from discovery.source import Reading, Source
from tests.federation.eventually import eventually


@dataclass
class Readings:
    """Everything that was published, newest last."""

    all: list[Reading] = field(default_factory=list)

    @property
    def last(self) -> Reading:
        assert self.all, "nothing was published yet"
        return self.all[-1]

    @property
    def names(self) -> list[str]:
        return [found.name for found in self.last.found]

    async def show(self, *names: str, trouble: str | None = None) -> None:
        """Waits until exactly these are found, with a trouble that has this word, or none."""

        async def right() -> bool:
            told = self.last.trouble
            assert (self.names, told is None or trouble is not None) == ([*names], True), self.last
            assert trouble is None or (told is not None and trouble in told), self.last
            return True

        await eventually(right, 30)


@asynccontextmanager
async def running(source: Source) -> AsyncIterator[Readings]:
    """The source while it runs; it ends by being cancelled, and by nothing else."""
    readings = Readings()
    task = asyncio.create_task(source.run(readings.all.append))
    try:
        yield readings
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
