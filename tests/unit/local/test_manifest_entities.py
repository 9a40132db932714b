"""What a manifest declares becomes the entities of the tree."""

from pathlib import Path

import pytest

from entities.model import App, Area, Component, EntityKind, Function, Identity
from gateway.local.manifest.load import ManifestConfig, load_manifest
from tests.unit.local.conftest import Load, accepted


def test_an_area_without_more_than_an_id_has_a_name_and_a_namespace(load: Load) -> None:
    tree = accepted(load("areas: [{id: hall}]")).tree
    assert tree.areas == (Area(id="hall", name="hall", namespace="/hall", source="manifest", declared=True),)


def test_subareas_nest_as_deep_as_they_are_written(load: Load) -> None:
    tree = accepted(
        load("""
        areas:
          - id: body
            subareas:
              - id: door
                subareas:
                  - {id: lock, namespace: /body/door/lock}
          - {id: window, parent_area: body}
        """)
    ).tree
    assert [(area.id, area.parent_area_id) for area in tree.areas] == [
        ("body", None),
        ("door", "body"),
        ("lock", "door"),
        ("window", "body"),
    ]
    assert tree.areas[2].namespace == "/body/door/lock"


def test_a_component_has_all_its_keys(load: Load) -> None:
    tree = accepted(
        load("""
        areas: [{id: hall}]
        components:
          - {id: line}
          - id: robot
            name: Robot
            type: manipulator
            variant: mk2
            area: hall
            namespace: /cell/
            description: |
              picks
              and places
            tags: [big, 360]
            translation_id: t-1
            parent_component_id: line
            depends_on: [line, line]
            external: true
            identity: {manufacturer: Acme, order_code: 4711, extra: {colour: orange}}
        """)
    ).tree
    assert tree.find(EntityKind.COMPONENT, "robot") == Component(
        id="robot",
        name="Robot",
        type="manipulator",
        variant="mk2",
        area="hall",
        namespace="/cell/",
        fqn="/cell/robot",
        description="picks\nand places",
        tags=("big", "360"),
        translation_id="t-1",
        parent_component_id="line",
        depends_on=("line",),
        external=True,
        identity=Identity(manufacturer="Acme", order_code="4711", extra={"colour": "orange"}),
        source="manifest",
        declared=True,
    )


def test_an_asset_is_a_component_from_the_inventory(load: Load) -> None:
    tree = accepted(
        load("""
        areas: [{id: hall}]
        assets:
          - {id: valve, name: Valve, area: hall, manufacturer: Festo, serial: F-1, hw_rev: B, fw: 1.10,
             endpoint: 10.0.0.7, role: valve, invoice: 4711, tags: [pneumatic]}
        """)
    ).tree
    valve = tree.components[0]
    assert (valve.source, valve.name, valve.area, valve.tags) == ("inventory", "Valve", "hall", ("pneumatic",))
    assert valve.identity == Identity(
        manufacturer="Festo",
        serial_number="F-1",
        hardware_revision="B",
        firmware_version="1.10",
        network_endpoint="10.0.0.7",
        role="valve",
        extra={"invoice": "4711"},
    )


@pytest.mark.parametrize(
    ("binding", "node"),
    [
        ("{node_name: cam, namespace: /chassis}", "/chassis/cam"),
        ("{node_name: cam, namespace: /}", "/cam"),
        ("{node_name: cam, namespace: chassis/}", "/chassis/cam"),
        ("{node_name: cam}", None),
        ('{node_name: cam, namespace: "*"}', None),
        ("{topic_namespace: /chassis}", None),
    ],
)
def test_the_node_of_an_app_is_what_it_is_bound_to(load: Load, binding: str, node: str | None) -> None:
    tree = accepted(load(f"apps: [{{id: cam, ros_binding: {binding}}}]")).tree
    assert tree.apps == (App(id="cam", name="cam", node=node, is_online=True, source="manifest", declared=True),)


def test_an_app_is_located_on_its_component(load: Load) -> None:
    tree = accepted(
        load("""
        components: [{id: ecu}]
        apps:
          - {id: driver, is_located_on: ecu}
          - {id: planner, depends_on: [driver]}
        """)
    ).tree
    assert [(app.component_id, app.depends_on) for app in tree.apps] == [("ecu", ()), (None, ("driver",))]


@pytest.mark.parametrize("key", ["hosted_by", "hosts"])
def test_a_function_is_hosted_by_apps_and_components(load: Load, key: str) -> None:
    tree = accepted(
        load(f"""
        components: [{{id: plc}}]
        apps: [{{id: arm}}]
        functions:
          - {{id: move}}
          - {{id: pick, {key}: [arm, plc], depends_on: [move]}}
        """)
    ).tree
    assert tree.functions[1] == Function(
        id="pick", name="pick", hosts=("arm", "plc"), depends_on=("move",), source="manifest", declared=True
    )


def test_the_ids_of_data_items_stand_in_the_tree(load: Load) -> None:
    tree = accepted(load("apps: [{id: a, data: [{id: /x/y, value: 1}, {id: z, value: 2}]}]")).tree
    assert tree.apps[0].data == ("/x/y", "z")


def test_one_id_may_name_entities_of_different_kinds(load: Load) -> None:
    assert len(accepted(load("areas: [{id: robot}]\ncomponents: [{id: robot}]\napps: [{id: robot}]")).tree) == 3


@pytest.mark.parametrize("section", ["config", "discovery"])
def test_the_config_section_has_an_older_name(load: Load, section: str) -> None:
    manifest = accepted(load(f"{section}: {{unmanifested_nodes: ignore, inherit_runtime_resources: false}}"))
    assert manifest.config == ManifestConfig("ignore", inherit_runtime_resources=False)
    assert manifest.ignored_keys == ()


def test_empty_sections_and_null_keys_say_nothing(load: Load) -> None:
    manifest = accepted(load("areas:\ncomponents: ~\nmetadata: null\napps: [{id: a, name: null, tags: ~}]"))
    assert manifest.tree.apps == (App(id="a", name="a", source="manifest", declared=True),)


def test_components_may_depend_on_each_other(load: Load) -> None:
    manifest = accepted(load("components: [{id: a, depends_on: [b]}, {id: b, depends_on: [a]}]"))
    assert len(manifest.tree.components) == 2


def test_scripts_capabilities_and_locks_are_ignored(load: Load) -> None:
    manifest = accepted(
        load("""
        scripts: [{id: s, path: /x.sh, format: bash}]
        capabilities: {anything: goes}
        apps: [{id: a, lock: {breakable: true}}]
        """)
    )
    assert manifest.ignored_keys == ("apps.lock", "capabilities", "scripts")


def test_warnings_of_a_lenient_load_leave_the_links_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(
        'manifest_version: "1.0"\napps: [{id: a, depends_on: [b]}]\nfunctions: [{id: f, hosted_by: [a, c]}]\n'
    )
    manifest = accepted(load_manifest(path, strict=False))
    assert [warning.code for warning in manifest.warnings] == ["R008", "R009"]
    assert manifest.tree.apps[0].depends_on == ("b",)
    assert manifest.tree.functions[0].hosts == ("a", "c")


def test_aliases_stand_for_what_they_name(load: Load) -> None:
    tree = accepted(load("apps:\n  - {id: a, tags: &tags [x, y]}\n  - {id: b, tags: *tags}")).tree
    assert [app.tags for app in tree.apps] == [("x", "y"), ("x", "y")]
