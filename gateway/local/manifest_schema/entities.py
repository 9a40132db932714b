"""Areas, components, assets, apps and functions. Keys that nobody knows are ignored there, and so allowed."""

from typing import Final

from gateway.local.manifest_schema.shapes import (
    Keys,
    Schema,
    defined,
    entity_id,
    entity_ids,
    flag,
    listed,
    mapping,
    text,
    texts_by_name,
    words,
)

RESOURCES: Final[Keys] = {
    "data": listed("What the entity shows of itself.", "data_item"),
    "operations": listed("What it can be told to do.", "operation"),
    "configurations": listed("What can be set.", "configuration"),
    "faults": listed("The faults it starts with.", "fault"),
    "logs": listed("Where its log entries are.", "log"),
    "rules": listed("When something is wrong with its data items.", "rule"),
}
"""Grove's own sections, of components and apps."""

_NOT_HERE: Final[Schema] = {"not": {}, "description": "Allowed on components and apps."}

_COMMON: Final[Keys] = {
    "id": entity_id("Unique among the entities of its kind."),
    "name": text("What people call it; the id if it is left out."),
    "description": text("What it is."),
    "tags": words("Any words."),
    "translation_id": text("For the user interfaces that translate."),
}

_IDENTITY: Final[Keys] = {
    "manufacturer": text("Who made it."),
    "model": text("What it is called there."),
    "order_code": text("Under what it is ordered."),
    "serial_number": text("Which one it is."),
    "hardware_revision": text("Of the hardware."),
    "firmware_version": text("Of the firmware."),
    "software_version": text("Of the software."),
    "network_endpoint": text("Where it is found."),
    "role": text("What it is for."),
    "extra": texts_by_name("Anything else."),
}

_COMPONENT: Final[Keys] = {
    **_COMMON,
    "type": text("What kind of component it is."),
    "variant": text("Which kind of that."),
    "area": entity_id("The area it is in."),
    "namespace": text("Its ROS namespace."),
    "parent_component_id": entity_id("The component it is a part of."),
    "depends_on": entity_ids("The components it needs."),
    "external": flag("Whether it reports its faults itself.", default=False),
}

_ASSET_COLUMNS: Final = (
    *("manufacturer", "model", "serial", "serial_number", "hardware_rev", "hardware_revision", "hw_rev"),
    *("firmware", "firmware_version", "fw", "endpoint", "role"),
)

_BINDING: Final = mapping(
    "The ROS node an app stands for.",
    {
        "node_name": text("The node."),
        "namespace": text("Its namespace; * is any."),
        "topic_namespace": text("Where its topics are."),
    },
    closed=False,
)


def _entity(about: str, keys: Keys) -> Schema:
    return mapping(about, keys, ["id"], closed=False)


DEFINITIONS: Final[Keys] = {
    "area": _entity(
        "A part of the plant.",
        {
            **_COMMON,
            "namespace": text("Its ROS namespace; / and the id if it is left out."),
            "parent_area": entity_id("The area it is in."),
            "subareas": {"type": "array", "items": defined("area"), "description": "The areas in it."},
            **dict.fromkeys(RESOURCES, _NOT_HERE),
        },
    ),
    "component": _entity(
        "A machine, a computer, a device.",
        {**_COMPONENT, "identity": mapping("Its nameplate.", _IDENTITY, closed=False), **RESOURCES},
    ),
    "asset": _entity(
        "A component from an inventory; texts nobody knows become identity.extra.",
        {**_COMPONENT, **{column: text("A column of the inventory.") for column in _ASSET_COLUMNS}, **RESOURCES},
    ),
    "app": _entity(
        "A program.",
        {
            **_COMMON,
            "is_located_on": entity_id("The component it runs on."),
            "depends_on": entity_ids("The apps it needs."),
            "external": flag("Whether nobody of ours runs it.", default=False),
            "ros_binding": _BINDING,
            **RESOURCES,
        },
    ),
    "function": _entity(
        "What apps do together.",
        {
            **_COMMON,
            "hosted_by": entity_ids("The apps or components that do it."),
            "hosts": entity_ids("The older name of hosted_by."),
            "depends_on": entity_ids("The functions it needs."),
            **dict.fromkeys(RESOURCES, _NOT_HERE),
        },
    ),
}
