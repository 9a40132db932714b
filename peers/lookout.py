"""The watchers of all peers, started and stopped as peers come and go. It owns their tasks."""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from peers.peer import Clients, Peer
from peers.watcher import Watcher


class Lookout:
    """One watcher and its event link for every peer."""

    def __init__(self, make_watcher: Callable[[Peer], Watcher]) -> None:
        """`make_watcher`: with its event link, both not running."""
        self._make_watcher = make_watcher
        self.is_running = asyncio.Event()
        """Set once the peers there are at the start are watched."""
        # Mutable: who is watched, by which tasks; the group they run in; those to be closed in the end.
        self._watchers: dict[str, Watcher] = {}
        self._tasks: dict[str, tuple[asyncio.Task[None], ...]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._left: list[Clients] = []

    def __len__(self) -> int:
        return len(self._watchers)

    def __iter__(self) -> Iterator[Watcher]:
        return iter(tuple(self._watchers.values()))

    def get(self, peer: str) -> Watcher | None:
        """The watcher of the peer of this name."""
        return self._watchers.get(peer)

    async def run(self, peers: Iterable[Peer]) -> None:
        """Watches these, and whoever comes, until cancelled; an error in any watcher ends all of them, loudly."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for peer in peers:
                self.start(peer)
            self.is_running.set()
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None

    def start(self, peer: Peer) -> None:
        """Watch it; before `run` this is nothing, for that is given all there are."""
        if self._group is None:
            return
        watcher = self._make_watcher(peer)
        self._watchers[peer.name] = watcher
        tasks = [self._group.create_task(watcher.run(), name=f"watch {peer.name}")]
        lines = [line for line in (watcher.line, watcher.faults) if line is not None]
        tasks += [self._group.create_task(line.run(), name=f"listen to {peer.name}") for line in lines]
        self._tasks[peer.name] = tuple(tasks)

    def retire(self, peer: str, clients: Clients) -> None:
        """Let what is under way over these come to its end, and close them; `peer` has others now, or none."""
        if self._group is None:
            self._left.append(clients)
        else:
            self._group.create_task(clients.retire(), name=f"retire the clients of {peer}")

    def stop(self, peer: Peer) -> None:
        """Watch it no longer, let requests under way come to their end, and close its connections."""
        self._watchers.pop(peer.name, None)
        for task in self._tasks.pop(peer.name, ()):
            task.cancel()
        self.retire(peer.name, peer.clients)

    async def aclose(self) -> None:
        """Close the connections of those that left when nothing ran."""
        await asyncio.gather(*(one.aclose() for one in self._left))
        self._left.clear()
