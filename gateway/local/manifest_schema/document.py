"""The JSON Schema of a manifest, for editors: the keys, their types and words, and what excludes what.

It cannot see everything: references, ids that stand twice and cycles are told by `grove check` alone. What the manifest
reader knows and what stands here is compared by the tests; docs/manifest.schema.json is made of this.
"""

from typing import Any, Final

import msgspec

from gateway.local.manifest.load import MANIFEST_VERSION, UNMANIFESTED_POLICIES
from gateway.local.manifest_schema import calls, configurations, data, entities, faults, logs, operations
from gateway.local.manifest_schema.shapes import Keys, anything, choice, flag, listed, mapping, text

_CONFIG: Final = mapping(
    "About ROS nodes; without effect here.",
    {
        "unmanifested_nodes": choice("What becomes of nodes that are not declared.", UNMANIFESTED_POLICIES),
        "inherit_runtime_resources": flag("Whether apps have what their nodes have."),
        "allow_manifest_override": flag("Whether the manifest goes before the nodes."),
    },
    closed=False,
)

_KEYS: Final[Keys] = {
    "manifest_version": {"enum": [MANIFEST_VERSION, float(MANIFEST_VERSION)], "description": "The version: 1.0."},
    "metadata": mapping(
        "For people.",
        {
            "name": text("What the manifest is called."),
            "description": text("What it declares."),
            "version": text("Its version."),
            "created_at": text("When it was made."),
        },
        closed=False,
    ),
    "config": _CONFIG,
    "discovery": _CONFIG | {"description": "The older name of config."},
    "areas": listed("Parts of the plant.", "area"),
    "components": listed("Machines, computers, devices.", "component"),
    "assets": listed("Components from an inventory.", "asset"),
    "apps": listed("Programs.", "app"),
    "functions": listed("What apps do together.", "function"),
    "scripts": anything("Of ros2_medkit; ignored here, but for their ids."),
}


def manifest_schema() -> dict[str, Any]:
    """The schema (JSON Schema, draft 7)."""
    sections = (entities, calls, data, operations, configurations, faults, logs)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Manifest of a Grove gateway",
        "type": "object",
        "required": ["manifest_version"],
        "properties": dict(_KEYS),
        "definitions": {name: schema for section in sections for name, schema in section.DEFINITIONS.items()},
    }


def manifest_schema_text() -> str:
    """The schema as the file that is shipped."""
    return msgspec.json.format(msgspec.json.encode(manifest_schema()), indent=1).decode() + "\n"
