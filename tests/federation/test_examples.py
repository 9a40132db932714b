"""Every example does what its page says."""

import shutil
import socket
from pathlib import Path

import pytest
import yaml

from tests.federation.examples import EXAMPLES, MOUNTED, Moved, commands_of_compose, commands_of_page, flat
from tests.federation.gateways import Cluster, GatewayProcess, eventually
from tests.federation.process import ROOT
from tests.unit.gateway.command import grove


async def all_listed(gateway: GatewayProcess, collection: str, *ids: str) -> None:
    """Waits until exactly these are listed."""

    async def listed() -> bool:
        assert sorted((await gateway.get(f"/{collection}")).ids) == sorted(ids)
        return True

    await eventually(listed)


class TwoTerminals:
    """The tutorial's gateways A and B, running, and A has B's entities."""

    def __init__(self, cluster: Cluster) -> None:
        moved = Moved(cluster, "two-terminals")
        command_a, command_b = commands_of_page("two-terminals")
        self.a, self.b = moved.add("gateway_a", command_a), moved.add("gateway_b", command_b)


@pytest.fixture
async def two(cluster: Cluster) -> TwoTerminals:
    two = TwoTerminals(cluster)
    await cluster.start_all()
    await all_listed(two.a, "components", "robot", "arm_controller")
    return two


async def test_two_terminals_merge_by_id_and_say_whose_it_is(two: TwoTerminals) -> None:
    components = await two.a.get("/components")
    arm = components.item("arm_controller")
    assert (arm["source"], arm["x-medkit"]["source"]) == ("peer:subsystem_b", "peer:subsystem_b")
    assert set(components.item("robot")["tags"]) == {"base", "arm"}
    assert (await two.a.get("/areas")).ids == ["root"]
    assert (await two.a.get("/functions")).ids == ["navigation"]
    hosts = await two.a.get("/functions/navigation/hosts")
    assert sorted(hosts.ids) == ["obstacle_map", "planner"]


async def test_two_terminals_tell_apps_of_one_id_apart(two: TwoTerminals) -> None:
    apps = await two.a.get("/apps")
    assert sorted(apps.ids) == ["cam", "gripper", "obstacle_map", "planner", "subsystem_b__cam"]
    own, other = [await two.a.get(f"/apps/{app}/data/frame_rate") for app in ("cam", "subsystem_b__cam")]
    assert (own.json["data"], other.json["data"]) == (30, 15)


async def test_two_terminals_answer_for_each_other(two: TwoTerminals) -> None:
    at_a, at_b = [await each.get("/components/arm_controller/data") for each in (two.a, two.b)]
    assert at_a.status == 200
    assert at_a.json == at_b.json
    faults = await two.a.get("/faults")
    assert {fault["fault_code"] for fault in faults.items} == {"PATH_BLOCKED", "GRIPPER_HOT"}
    assert not faults.medkit.get("partial")


async def test_two_terminals_write_where_the_entity_is(two: TwoTerminals) -> None:
    written = await two.a.request("PUT", "/apps/gripper/data/opening", json={"value": 55})
    assert written.status == 200
    assert (await two.b.get("/apps/gripper/data/opening")).json["data"] == 55


async def test_two_terminals_say_who_is_missing_and_have_it_back(two: TwoTerminals) -> None:
    assert await two.b.stop() == 0
    await all_listed(two.a, "components", "robot")
    faults = await two.a.get("/faults")
    assert (faults.status, faults.medkit["partial"], faults.medkit["failed_peers"]) == (200, True, ["subsystem_b"])
    assert {fault["fault_code"] for fault in faults.items} == {"PATH_BLOCKED"}
    assert (await two.a.get("/apps/subsystem_b__cam/data")).status == 502
    assert (await two.a.get("/apps/subsystem_b__some_node/data")).status == 502
    await two.b.start()
    await all_listed(two.a, "components", "robot", "arm_controller")


async def test_b_is_not_configured_and_knows_nothing_of_a(two: TwoTerminals) -> None:
    assert "peers" not in (await two.b.get("/health")).json
    assert sorted((await two.b.get("/components")).ids) == ["arm_controller", "robot"]


async def test_a_chain_shows_at_its_top_what_every_gateway_has(cluster: Cluster) -> None:
    moved = Moved(cluster, "chain")
    chain = [moved.add(name, each) for name, each in zip("abc", commands_of_page("chain"), strict=True)]
    await cluster.start_all()
    top = chain[0]
    await all_listed(top, "components", "control_room", "robot", "torch")
    assert sorted((await top.get("/apps")).ids) == ["arc", "cam", "leaf_system__cam", "motion", "supervisor"]
    assert (await top.get("/apps/arc/data/current")).json["data"] == 180.0
    assert (await top.get("/apps/leaf_system__cam/data/frame_rate")).json["data"] == 120


async def test_a_chain_names_the_far_end_that_is_missing(cluster: Cluster) -> None:
    moved = Moved(cluster, "chain")
    top, _, leaf = [moved.add(name, each) for name, each in zip("abc", commands_of_page("chain"), strict=True)]
    await cluster.start_all()
    await all_listed(top, "components", "control_room", "robot", "torch")
    complete = await top.get("/faults")
    assert {fault["fault_code"] for fault in complete.items} == {"JOINT_LIMIT", "WIRE_LOW"}
    assert await leaf.stop() == 0
    await all_listed(top, "components", "control_room", "robot")
    faults = await top.get("/faults")
    assert faults.medkit["failed_peers"] == ["mid_level/leaf_system"]
    assert (await top.get("/apps/arc/data")).status == 502


async def test_a_star_asks_all_its_robots_at_once(cluster: Cluster) -> None:
    moved = Moved(cluster, "star")
    names = ("hub", "robot_1", "robot_2", "robot_3")
    hub, _, second, _ = [moved.add(name, each) for name, each in zip(names, commands_of_page("star"), strict=True)]
    await cluster.start_all()
    await all_listed(hub, "components", "robot_1", "robot_2", "robot_3")
    first, *others = sorted((await hub.get("/apps")).ids)
    assert (first, len(others)) == ("lift", 2)  # whichever robot was seen first has the bare name, for good
    assert set(others) < {"robot_1__lift", "robot_2__lift", "robot_3__lift"}
    assert len((await hub.get("/functions/transport/hosts")).ids) == 3
    data = await hub.get("/functions/transport/data")
    assert len(data.ids) == len(set(data.ids)) == 3
    await second.kill()
    await all_listed(hub, "components", "robot_1", "robot_3")
    data = await hub.get("/functions/transport/data")
    assert (len(data.ids), data.medkit["failed_peers"]) == (2, ["robot_2"])


async def test_the_containers_do_as_plain_processes_what_they_would_in_compose(cluster: Cluster) -> None:
    moved = Moved(cluster, "containers")
    gateways = {name: moved.add(name, command, host=name) for name, command in commands_of_compose().items()}
    await cluster.start_all()
    top = gateways["top"]
    await all_listed(top, "components", "line", "station", "press")
    assert (await top.get("/apps/ram/data/pressure")).json["data"] == 180.5
    assert await gateways["leaf"].stop() == 0
    await all_listed(top, "components", "line", "station")
    assert (await top.get("/faults")).medkit["failed_peers"] == ["middle/leaf"]


@pytest.mark.serial
async def test_the_tutorial_runs_to_the_letter_on_its_own_ports(cluster: Cluster) -> None:
    """Its files and ports as they are; only the state goes to the test's folder."""
    for port in (8080, 8081):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                pytest.skip(f"something else listens on port {port}")
    gateways = []
    for name, command, port in zip("ab", commands_of_page("two-terminals"), (8080, 8081), strict=True):
        folder = shutil.copytree(EXAMPLES / "two-terminals", cluster.folder / name)
        state = ["-p", f"server.state_dir:={folder / 'state'}"]
        gateways.append(cluster.add_command(name, [*command, *state], folder, port, fresh=True))
    a, b = gateways
    await cluster.start_all()
    await all_listed(a, "components", "robot", "arm_controller")
    assert (await b.get("/health")).json["status"] == "healthy"


SETTINGS = sorted(path for path in EXAMPLES.glob("*/*.yaml") if "manifest" not in path.name)


@pytest.mark.parametrize("path", [*SETTINGS, ROOT / "deploy/image.yaml"], ids=lambda path: path.name)
async def test_the_settings_files_and_their_manifests_have_no_mistakes(path: Path) -> None:
    manifest = flat(yaml.safe_load(path.read_text())).get("local.manifest", "")
    moved = ["-p", f"local.manifest:={manifest.removeprefix(MOUNTED)}"] if manifest.startswith(MOUNTED) else []
    check = await grove("check", "-c", str(path), *moved, folder=path.parent)
    assert (check.code, check.err) == (0, "")


def test_the_pages_name_files_that_are_there() -> None:
    for page in EXAMPLES.glob("*/README.md"):
        for command in commands_of_page(page.parent.name):
            files = [part.rpartition("=")[2] for part in command if part.endswith(".yaml")]
            assert [name for name in files if not (page.parent / name).exists()] == []
