"""`grove demo`: starts the chain, shows what it makes of three trees, and stops all of it with Ctrl-C."""

import asyncio
import contextlib
import signal
import tempfile
from asyncio import StreamReader
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway.commands.answers import Api, get_ok
from gateway.commands.api import open_api
from gateway.commands.asking import base_url
from gateway.commands.display import console, print_line
from gateway.commands.failure import CommandFailed
from gateway.commands.peers import fetch_peers, show_peers
from gateway.commands.tree import fetch_forest, show_forest
from gateway.demo.chain import PLANT, PORTS, DemoGateway, demo_chain, put_manifests
from gateway.demo.plant_files import working_plant

START_S: Final = 90.0
"""Seconds that the whole chain may take to come up."""

STOP_S: Final = 10.0
"""Seconds a gateway may take to stop before it is killed."""

POLL_S: Final = 0.1

TAIL_BYTES: Final = 4096
"""Of what a gateway wrote as errors, so much is kept to tell how it ended."""

FAILED: Final = 1

PORT_TAKEN: Final = 3
"""The exit code of a gateway that cannot listen, see docs/configuration.md."""


def run_demo(ports: Sequence[int] = PORTS) -> int:
    """Runs the demo until SIGINT or SIGTERM; the exit code."""
    try:
        return asyncio.run(_demo(demo_chain(ports)))
    except CommandFailed as error:
        print_line(f"grove demo: {error}")
        return FAILED


async def _demo(chain: Sequence[DemoGateway]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="grove-demo-") as folder:
        await asyncio.to_thread(put_manifests, Path(folder))
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(working_plant(Path(folder) / PLANT, chain[-1].url, stop.set))
            processes = [await stack.enter_async_context(_running(one, Path(folder))) for one in reversed(chain)]
            started = asyncio.create_task(_come_up(chain, processes, Path(folder)))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({started, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not started.done():
                started.cancel()
                stopping.cancel()
                return 0
            started.result()
            await _show(chain, leaf_pid=processes[0].pid)
            await _until_stopped(stopping, dict(zip(reversed(chain), processes, strict=True)))
            print_line("stopping three gateways ...")
    print_line("stopped")
    return 0


@contextlib.asynccontextmanager
async def _running(one: DemoGateway, folder: Path) -> AsyncIterator[Process]:
    """The gateway's process; on leaving it is asked to stop and waited for."""
    process = await asyncio.create_subprocess_exec(
        *one.command(folder),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        start_new_session=True,  # Ctrl-C reaches the demo alone, which stops its gateways in order
    )
    errors = asyncio.create_task(last_words(process.stderr))
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        words = await errors
        if process.returncode not in (0, None):
            print_line(f"{one.name} ended with {process.returncode}: {words}")


async def last_words(stderr: StreamReader | None) -> str:
    """The last line a gateway wrote to its log or as an error; of a very long one, its end."""
    tail = b""
    while stderr is not None and (chunk := await stderr.read(TAIL_BYTES)):
        tail = (tail + chunk)[-TAIL_BYTES:]
    return tail.decode("utf-8", "replace").strip().rpartition("\n")[2]


async def _come_up(chain: Sequence[DemoGateway], processes: Sequence[Process], folder: Path) -> None:
    """Returns once every gateway answers and the top one shows the whole chain. Raises CommandFailed."""
    with console().status("") as status:
        try:
            async with asyncio.timeout(START_S), open_api(base_url(chain[0].url)) as top:
                for one, process in zip(reversed(chain), processes, strict=True):
                    status.update(f"starting {one.name} (the {one.role}) on port {one.port} ...")
                    await _wait_healthy(one, process, folder)
                status.update("waiting until the top gateway has read the whole chain ...")
                await _wait_whole(top, len(chain))
        except TimeoutError:
            raise CommandFailed(
                f"the gateways did not come up within {START_S:.0f} s; this machine may be very busy, try again"
            ) from None


async def _wait_healthy(one: DemoGateway, process: Process, folder: Path) -> None:
    """Returns once this very gateway answers, and not another program on its port."""
    async with open_api(base_url(one.url)) as api:
        while True:
            if process.returncode is not None:
                raise CommandFailed(why_not_started(one, process.returncode))
            if await asyncio.to_thread(one.port_file(folder).exists):
                with contextlib.suppress(CommandFailed):
                    await get_ok(api, "/health")
                    return
            await asyncio.sleep(POLL_S)


def why_not_started(one: DemoGateway, code: int) -> str:
    """What to say of a gateway that ended with `code` before it answered."""
    if code != PORT_TAKEN:
        return f"{one.name} ended with {code}, see above"
    taken = f"is port {one.port} taken by another program?"
    return f"{one.name} did not start; {taken} (the demo needs 8080, 8081 and 8082)"


async def _wait_whole(top: Api, gateways: int) -> None:
    """Returns once the top gateway answers for all of them."""
    while True:
        versions = await get_ok(top, "/version-info")
        found = versions.get("items")
        if isinstance(found, list) and len(found) == gateways:
            return
        await asyncio.sleep(POLL_S)


async def _until_stopped(stopping: asyncio.Task[bool], processes: Mapping[DemoGateway, Process]) -> None:
    """Returns when the demo is to stop; a gateway that ends before is named. Raises CommandFailed when all have."""
    running = {asyncio.create_task(process.wait()): one for one, process in processes.items()}
    while running and not stopping.done():
        ended, _ = await asyncio.wait({stopping, *running}, return_when=asyncio.FIRST_COMPLETED)
        for one in [running.pop(task) for task in ended if task in running]:
            print_line(f"{one.name} (the {one.role}) ended; the others go on, ask them again")
    for task in (stopping, *running):
        task.cancel()
    if not running:
        raise CommandFailed("all gateways of the demo have ended")


async def _show(chain: Sequence[DemoGateway], *, leaf_pid: int) -> None:
    """The merged tree, the peers, and what to try next."""
    top = chain[0]
    async with open_api(base_url(top.url)) as api:
        forest = await fetch_forest(api)
        print_line(f"Three gateways are one API now, at {top.url}/api/v1:")
        show_forest(forest, top.url)
    for one in chain[:-1]:
        print_line("")
        print_line(f"Peers of {one.name} (the {one.role}):")
        async with open_api(base_url(one.url)) as api:
            show_peers(await fetch_peers(api) or ())
    print_line("")
    print_line("Try, in another terminal:")
    for command, comment in _suggestions(f"{top.url}/api/v1", f"{chain[-1].name} (the {chain[-1].role})", leaf_pid):
        print_line(f"  # {comment}")
        print_line(f"  {command}")
    print_line("")
    print_line("Ctrl-C stops all three.")


def _suggestions(api_url: str, leaf: str, leaf_pid: int) -> Sequence[tuple[str, str]]:
    """Commands and what they show."""
    arm = f"{api_url}/apps/arm"
    return (
        (f"curl -s {arm}/data/pressure | jq", "a value two hops away; it moves"),
        (f"curl -s {api_url}/faults | jq", "of all gateways; P_LOW comes and goes"),
        (f"curl -s -X POST {arm}/operations/prime/executions -d '{{}}'", "the compressor runs for 10 s"),
        (
            f"curl -s -X PUT {arm}/configurations/start_below -d '{{\"data\": 4}}'",
            "it starts sooner: no P_LOW any more",
        ),
        (f"kill {leaf_pid}", f"ends {leaf}; ask for the faults again"),
    )
