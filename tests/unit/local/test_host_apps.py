"""Processes and units of this machine are Apps that are online as long as they run."""

import asyncio
import itertools
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog

from entities.model import App, EntityKind
from gateway.host_programs import NOT_ALLOWED, host_programs
from gateway.local.answers import ItemAnswer, ResourceError
from gateway.local.command import Commands
from gateway.local.control import Control
from gateway.local.figures import Look, ProcessMeter, Program, Programs
from gateway.local.host_apps import Beside, HostApps
from gateway.local.logs.kept import log_numbers
from gateway.local.manifest_source import ManifestSource
from gateway.local.own import OwnEntities
from gateway.local.process_control import PROCESS_TRANSITIONS, ProcessStop
from gateway.local.processes import ProcessPrograms, find_processes
from gateway.local.settings import LocalSettings, ProcessSetting, unit_app_id, unit_name
from gateway.local.source import Source
from gateway.local.unit_control import UNIT_TRANSITIONS, unit_actions
from gateway.local.unit_state import parse_units
from gateway.local.units import UnitPrograms
from tests.federation.eventually import eventually
from tests.unit.local.conftest import START_NS, HandClock, Load, accepted, app
from tests.unit.local.systemctl import FakeSystemctl

INTERVAL_S = 0.02
WEB = app("web")

Spawn = Callable[..., "subprocess.Popen[bytes]"]


class RushingClock:
    """Each time it is asked a minute has passed, so that nothing that was read stays fresh."""

    def __init__(self) -> None:
        self._ticks = itertools.count(START_NS, 60_000_000_000)

    def __call__(self) -> int:
        return next(self._ticks)


@pytest.fixture
def token() -> str:
    """A word that no other command line has."""
    return uuid.uuid4().hex


@pytest.fixture
def spawn(token: str) -> Iterator[Spawn]:
    """Starts a process with the word in its command line; all are killed at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str = "") -> "subprocess.Popen[bytes]":
        program = f"import signal, time\n{code}\nprint('ready', flush=True)\ntime.sleep(600)"
        started.append(
            subprocess.Popen([sys.executable, "-IS", "-c", program, token], stdout=subprocess.PIPE, bufsize=0)
        )
        assert started[-1].stdout is not None
        assert started[-1].stdout.readline() == b"ready\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def systemctl(tmp_path: Path) -> FakeSystemctl:
    return FakeSystemctl(tmp_path / "systemd")


def apps_of(*groups: Programs, **options: Any) -> HostApps:
    return HostApps("edge", groups, RushingClock(), interval_s=INTERVAL_S, **options)


@asynccontextmanager
async def running(*sources: Source) -> AsyncIterator[OwnEntities]:
    own = OwnEntities(sources, clock=lambda: START_NS)
    await own.start()
    task = asyncio.create_task(own.run())
    for _ in range(2):
        await asyncio.sleep(0)  # the executions' own task, one below it
    try:
        yield own
    finally:
        task.cancel()
        await asyncio.wait({task})
        await own.close()


def online(own: OwnEntities, app_id: str) -> bool:
    found = own.tree.find(EntityKind.APP, app_id)
    assert isinstance(found, App)
    return found.is_online


def is_now(own: OwnEntities, app_id: str, state: bool) -> bool:
    return online(own, app_id) is state


async def values(own: OwnEntities, app_id: str) -> dict[str, Any]:
    return {item["id"]: item.get("value") for item in await own.data_items(app(app_id))}


async def test_a_process_is_an_app_that_goes_and_comes_back(spawn: Spawn, token: str) -> None:
    setting = ProcessSetting(name=token, match="cmdline", id="pump")
    first = spawn()
    async with running(apps_of(ProcessPrograms([setting]))) as own:
        assert own.tree.apps[0].component_id == "edge"
        assert online(own, "pump")
        told: list[bool] = []
        own.subscribe(lambda: told.append(online(own, "pump")))
        first.kill()
        first.wait()
        assert await eventually(lambda: told == [False])
        stopped = await values(own, "pump")
        assert (stopped["state"], stopped["pid_count"], stopped["memory"], stopped["restarts"]) == ("stopped", 0, 0, 0)
        spawn()
        assert await eventually(lambda: told == [False, True])
        running_again = await values(own, "pump")
        assert (running_again["state"], running_again["pid_count"], running_again["restarts"]) == ("running", 1, 1)
        assert running_again["memory"] > 0
        assert running_again["threads"] >= 1


async def test_changes_are_logged_once(spawn: Spawn, token: str) -> None:
    source = apps_of(ProcessPrograms([ProcessSetting(name=token, match="cmdline", id="pump")]))
    with structlog.testing.capture_logs() as logs:
        async with running(source) as own:
            spawn()
            assert await eventually(lambda: online(own, "pump"))
    assert [(line["event"], line["app"]) for line in logs] == [("program runs", "pump")]


def test_a_process_is_found_by_name_program_or_command_line(spawn: Spawn, token: str) -> None:
    process = psutil.Process(spawn().pid)
    for setting in (
        ProcessSetting(name=process.name(), match="name"),
        ProcessSetting(name=process.exe(), match="exe"),
        ProcessSetting(name=Path(process.exe()).name, match="exe"),
        ProcessSetting(name=f" {token}", match="cmdline"),
    ):
        look = ProcessPrograms([setting]).look()[setting.app_id]
        assert isinstance(look, Look)
        assert look.is_online
    nobody = ProcessSetting(name=token, match="name")
    assert ProcessPrograms([nobody]).look()[nobody.app_id].is_online is False  # type: ignore[union-attr]  # it is seen


def test_we_ourselves_are_no_program_of_ours() -> None:
    own = ProcessSetting(name=" ".join(psutil.Process().cmdline()), match="cmdline", id="me")
    assert psutil.Process() not in find_processes([own])["me"]


def test_a_process_that_is_dead_and_not_buried_does_not_run(spawn: Spawn, token: str) -> None:
    process = spawn()
    programs = ProcessPrograms([ProcessSetting(name=token, match="cmdline", id="pump")])
    process.kill()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert programs.look()["pump"].is_online is False  # type: ignore[union-attr]  # it is seen


def test_the_cpu_load_is_that_since_the_last_look(spawn: Spawn) -> None:
    busy = psutil.Process(
        spawn("import threading\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()").pid
    )
    meter = ProcessMeter()
    assert meter.figures([busy])["cpu_percent"] == 0
    while sum(busy.cpu_times()[:2]) < 0.2:
        pass
    assert meter.figures([busy])["cpu_percent"] > 0
    assert meter.figures([])["cpu_percent"] == 0


async def test_units_are_apps_asked_all_at_once(systemctl: FakeSystemctl, spawn: Spawn) -> None:
    main = spawn()
    systemctl.set("web.service", "active", Description="A web server", MainPID=main.pid, NRestarts=3)
    systemctl.set("backup.timer", "failed")
    units = UnitPrograms(["web", "backup.timer", "gone"], systemctl=systemctl.program)
    async with running(apps_of(units)) as own:
        assert [(one.id, one.name, one.is_online, one.description) for one in own.tree.apps] == [
            ("web", "web.service", True, "A web server"),
            ("backup_timer", "backup.timer", False, None),
            ("gone", "gone.service", False, None),
        ]
        web = await values(own, "web")
        assert (web["unit_state"], web["unit_substate"], web["pid_count"], web["restarts"]) == ("active", "some", 1, 3)
        assert web["memory"] > 0
        assert (await values(own, "gone"))["unit_state"] == "not-found"
        assert (await values(own, "backup_timer"))["unit_state"] == "failed"
        systemctl.set("web.service", "deactivating")
        assert await eventually(lambda: not online(own, "web"))
    assert {call.rpartition(" -- ")[2] for call in systemctl.calls} == {"web.service backup.timer gone.service"}


async def test_a_machine_without_systemctl_says_so_and_lists_its_units(clock: HandClock) -> None:
    source = HostApps("edge", [UnitPrograms(["web"], systemctl="/nowhere/systemctl")], clock, interval_s=INTERVAL_S)
    async with running(source) as own:
        assert not online(own, "web")
        answer = await own.data_item(WEB, "unit_state")
        assert isinstance(answer, ResourceError)
        assert answer.status == 503
        assert "systemctl is not installed on this machine" in answer.message


async def test_what_cannot_be_seen_stays_as_it_was_and_hides_nobody_else(
    systemctl: FakeSystemctl, spawn: Spawn, token: str
) -> None:
    systemctl.set("web.service", "active")
    process = spawn()
    source = apps_of(
        UnitPrograms(["web"], systemctl=systemctl.program),
        ProcessPrograms([ProcessSetting(name=token, match="cmdline", id="pump")]),
    )
    async with running(source) as own:
        assert online(own, "web")
        systemctl.hang(hangs=True)
        assert await eventually(lambda: "hang" in str(list(Path(systemctl.program).parent.iterdir())))
        process.kill()
        process.wait()
        assert await eventually(lambda: not online(own, "pump"))
        assert online(own, "web")
        answer = await own.data_item(WEB, "unit_state")
        assert isinstance(answer, ResourceError)
        assert "too long" in answer.message


async def test_a_unit_and_a_declared_app_of_one_id_are_one_app(
    systemctl: FakeSystemctl, load: Load, clock: HandClock
) -> None:
    systemctl.set("web.service", "inactive")
    manifest = accepted(load("apps: [{id: web, name: The shop, data: [{id: owner, value: ops}]}]"))
    units = apps_of(UnitPrograms(["web"], systemctl=systemctl.program))
    async with running(ManifestSource(manifest, clock), units) as own:
        (web,) = own.tree.apps
        assert (web.name, web.component_id, web.is_online) == ("The shop", "edge", False)
        assert {"owner", "unit_state"} <= set(await values(own, "web"))
        systemctl.set("web.service", "active")
        assert await eventually(lambda: online(own, "web"))


def unit_source(systemctl: FakeSystemctl, units: Sequence[str]) -> HostApps:
    commands = Commands()

    def beside(program: Program, look_again: Callable[[], None]) -> Beside:
        actions = unit_actions(program.name, commands, look_again, systemctl.program)
        return Beside((), actions, Control(UNIT_TRANSITIONS))

    programs = UnitPrograms(units, systemctl=systemctl.program)
    return HostApps("edge", [programs], RushingClock(), interval_s=60, beside=beside)


async def test_a_unit_is_stopped_and_started_and_that_is_seen_at_once(systemctl: FakeSystemctl) -> None:
    systemctl.set("web.service", "active")
    async with running(unit_source(systemctl, ["web"])) as own:
        assert [item["id"] for item in own.operations.items(WEB)] == ["start", "stop", "restart", "kill"]
        assert own.transitions(WEB) == ("start", "restart", "shutdown", "force-shutdown")
        for word, state in (("shutdown", False), ("start", True), ("force-shutdown", False), ("restart", True)):
            assert await own.change_status(WEB, word) == ItemAnswer(202, {"status": word})
            assert await eventually(partial(is_now, own, "web", state))
    verbs = [call for call in systemctl.calls if not call.startswith("show")]
    assert verbs == [
        "stop --no-ask-password -- web.service",
        "start --no-ask-password -- web.service",
        "kill --signal=SIGKILL --no-ask-password -- web.service",
        "restart --no-ask-password -- web.service",
    ]


async def test_what_systemctl_complains_about_is_why_an_execution_failed(systemctl: FakeSystemctl) -> None:
    async with running(unit_source(systemctl, ["web"])) as own:
        started = await own.operations.execute(WEB, "start", {}, patience_s=1)
        assert isinstance(started, ItemAnswer)
        assert started.body is not None

        def failed() -> dict[str, Any]:
            found = own.operations.execution(WEB, "start", started.body["id"])  # type: ignore[index]  # see above
            assert isinstance(found, ItemAnswer)
            assert found.body is not None
            assert found.body["status"] == "failed"
            error: dict[str, Any] = found.body["x-medkit"]["error"]
            return error

        error = await eventually(failed)
        assert "Unit web.service not found" in error["message"]
        assert error["parameters"]["details"] == {"exit_code": 1}


async def test_transitions_that_are_not_offered_are_not_implemented(systemctl: FakeSystemctl) -> None:
    async with running(unit_source(systemctl, ["web"])) as own:
        refusal = await own.change_status(WEB, "force-restart")
        assert isinstance(refusal, ResourceError)
        assert (refusal.status, refusal.code) == (501, "not-implemented")
        assert "allowed are start, restart, shutdown, force-shutdown" in refusal.message
        nobody = await own.change_status(app("nobody"), "restart")
        assert isinstance(nobody, ResourceError)
        assert nobody.status == 501
        assert await own.change_status(WEB, "dance") is None


STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


async def test_processes_are_asked_to_end_and_killed_by_force(spawn: Spawn, token: str) -> None:
    setting = ProcessSetting(name=token, match="cmdline", id="pump")
    gentle, stubborn = spawn(), spawn(STUBBORN)

    def beside(program: Program, look_again: Callable[[], None]) -> Beside:
        assert program.app_id == "pump"
        stop = ProcessStop(setting, look_again, patience_s=0.5)
        return Beside((), {"stop": stop}, Control(PROCESS_TRANSITIONS))

    async with running(apps_of(ProcessPrograms([setting]), beside=beside)) as own:
        stop = own._resources[app("pump")].operations["stop"]
        refusal = await stop.execute({"force": False}, lambda _: None)
        assert (refusal.reason, refusal.details) == (  # type: ignore[union-attr]  # it failed
            "they do not end; 'force' kills them",
            {"pids": [stubborn.pid]},
        )
        assert gentle.poll() is not None
        assert await own.change_status(app("pump"), "force-shutdown") == ItemAnswer(202, {"status": "force-shutdown"})
        assert await eventually(lambda: stubborn.poll() is not None)
        assert await eventually(lambda: not online(own, "pump"))


async def test_without_leave_nothing_is_offered_and_asking_says_why(clock: HandClock) -> None:
    local = LocalSettings(processes=(ProcessSetting(name="pump"),), units=("web",))
    source = host_programs("edge", local, clock, log_numbers(clock))
    assert source is not None
    own = OwnEntities([source], clock=clock)
    assert own.tree.apps[0].operations == ()
    for ref, operation in ((app("pump"), "stop"), (WEB, "restart")):
        assert own.operations.items(ref) == []
        assert own.transitions(ref) == ()
        for answer in (
            own.operations.item(ref, operation),
            await own.operations.execute(ref, operation, {}, patience_s=0),
            await own.change_status(ref, "shutdown"),
        ):
            assert isinstance(answer, ResourceError)
            assert (answer.status, answer.code, answer.message) == (403, "insufficient-access-rights", NOT_ALLOWED)
        unknown = own.operations.item(ref, "dance")
        assert isinstance(unknown, ResourceError)
        assert unknown.status == 404


def test_with_leave_they_are_listed_and_a_unit_has_its_journal(clock: HandClock) -> None:
    local = LocalSettings(processes=(ProcessSetting(name="pump"),), units=("web",), allow_control=True)
    source = host_programs("edge", local, clock, log_numbers(clock))
    assert source is not None
    offered = source.offer.resources
    assert [*offered[app("pump")].operations] == ["stop"]
    assert [*offered[WEB].operations] == ["start", "stop", "restart", "kill"]
    assert (len(offered[app("pump")].logs), len(offered[WEB].logs)) == (0, 1)
    assert host_programs("edge", LocalSettings(), clock, log_numbers(clock)) is None


@pytest.mark.parametrize(
    ("text", "name", "app_id"),
    [
        ("nginx", "nginx.service", "nginx"),
        ("nginx.service", "nginx.service", "nginx"),
        ("getty@tty1.service", "getty@tty1.service", "getty_tty1"),
        ("dbus.socket", "dbus.socket", "dbus_socket"),
        ("v1.2", "v1.2.service", "v1_2"),
    ],
)
def test_a_unit_is_called_as_for_systemctl(text: str, name: str, app_id: str) -> None:
    assert (unit_name(text), unit_app_id(text)) == (name, app_id)


def test_what_systemctl_prints_is_read_by_the_names_of_units() -> None:
    printed = "Id=x.service\nNames=x.service b.service\nLoadState=masked\nActiveState=inactive\nNRestarts=[not set]\n\n"
    printed += "Id=a.service\nLoadState=loaded\nActiveState=active\nMainPID=7\nDescription=a=b\n"
    printed += "ActiveEnterTimestampMonotonic=5\n"
    found = parse_units(printed, ["a.service", "b.service", "c.service"])
    assert sorted(found) == ["a.service", "b.service"]
    a, b = found["a.service"], found["b.service"]
    assert (a.state, a.main_pid, a.description, a.active_since_us) == ("active", 7, "a=b", 5)
    assert (b.state, b.restarts, b.is_online) == ("masked", 0, False)
    assert parse_units("garbage\n\n\n=", ["a.service"]) == {}
