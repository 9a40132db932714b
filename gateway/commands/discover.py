"""`grove discover`: which gateways announce themselves by mDNS, and what admission would say to each."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.live import Live
from rich.table import Table

from discovery.settings import MdnsSettings, is_mdns_service
from gateway.commands.display import console, make_table, print_json, print_line
from gateway.commands.failure import CommandFailed
from gateway.commands.options import Output, OutputOption
from gateway.config.problems import shown

if TYPE_CHECKING:
    from discovery.interfaces import Interface
    from discovery.mdns import MdnsSource

DEFAULT_SERVICE: Final = "_medkit._tcp.local"

_COLUMNS: Final = ("NAME", "URL", "INSTANCE", "VERSION", "ADMISSION")


@dataclass(frozen=True, slots=True)
class Row:
    """One gateway that was heard; None is what it did not tell. `admission`: `ok`, or why it would be no peer."""

    name: str
    url: str
    instance: str | None
    version: str | None
    admission: str


def discover(
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="How long to listen.")] = 5.0,
    service: Annotated[str, typer.Option("--service", help="The mDNS service to look for.")] = DEFAULT_SERVICE,
    interface: Annotated[
        list[str] | None,
        typer.Option("--interface", metavar="NAME", help="Only there, such as eth0; repeatable. Else everywhere."),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show which gateways announce themselves by mDNS. Ends by itself, or with Ctrl-C."""
    if not is_mdns_service(service):
        raise CommandFailed(f"found --service {shown(service)}; allowed: an mDNS service such as {DEFAULT_SERVICE}")
    _check_interfaces(interface or ())
    rows = asyncio.run(_listen(service, interface or (), seconds, live=output is Output.TABLE))
    if output is Output.JSON:
        print_json([asdict(row) for row in rows])
    elif not rows:
        print_line(_nobody(seconds, interface or ()))
    elif not console().is_terminal:
        console().print(_table(rows))


def _nobody(seconds: float, interfaces: Sequence[str]) -> str:
    where = f" on {', '.join(interfaces)}" if interfaces else ""
    return (
        f"no gateway announced itself{where} within {seconds:g} s; on the other machine set aggregation.announce and "
        "a server.host that the network reaches, or list it in aggregation.peers"
    )


def _check_interfaces(names: Sequence[str]) -> None:
    from discovery.interfaces import interface_names  # noqa: PLC0415 -- as below

    there = interface_names()
    for name in names:
        if name not in there:
            raise CommandFailed(f"there is no interface {shown(name)}; there are {', '.join(there)}")


async def _listen(service: str, interfaces: Sequence[str], seconds: float, *, live: bool) -> list[Row]:
    """What was heard until the time is over or Ctrl-C; with `live` it is drawn meanwhile, on a terminal."""
    from discovery.interfaces import InterfaceWatch  # noqa: PLC0415 -- as below
    from discovery.mdns import MdnsSource  # noqa: PLC0415 -- zeroconf takes 0.2 s that --help need not pay

    watch = InterfaceWatch()

    async def read() -> "tuple[Interface, ...]":
        return tuple(one for one in await watch.look() if not interfaces or one.name in interfaces)

    source = MdnsSource(
        service,
        MdnsSettings(),
        read_interfaces=read,
        scheme="http",
        clock=time.monotonic,
        jitter=random.Random(),  # noqa: S311 -- spreads questions in time, keeps no secret
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    drawn = Live(_table(()), console=console(), auto_refresh=False) if live and console().is_terminal else None
    with drawn or contextlib.nullcontext():
        looking = asyncio.create_task(
            source.run(lambda _: drawn.update(_table(_rows(source)), refresh=True) if drawn else None)
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
    if source.trouble is not None:
        raise CommandFailed(f"mDNS cannot be used here: {source.trouble}")
    return _rows(source)


def _rows(source: "MdnsSource") -> list[Row]:
    """By name. Judged as by a gateway with default settings that can be reached wherever it listened."""
    from discovery.admission import AdmissionRules, admit  # noqa: PLC0415 -- as above
    from discovery.networks import own_interfaces  # noqa: PLC0415 -- as above

    networks = tuple(interface.network for interface in own_interfaces())
    judged = admit({source.name: source.reading().found}, AdmissionRules(bound_to_loopback=True, networks=networks))
    verdicts = {one.url: "ok" for one in judged.admitted} | {one.url: one.why for one in judged.refused}
    rows = []
    for one in source.neighbours:
        url = one.url("http")
        verdict = "it said goodbye" if one.departed else verdicts.get(url, f"it is of application {one.told.app}")
        rows.append(Row(one.label, url, one.told.instance, one.told.version, verdict))
    return rows


def _table(rows: Sequence[Row]) -> Table:
    return make_table(_COLUMNS, [(row.name, row.url, row.instance, row.version, row.admission) for row in rows])
