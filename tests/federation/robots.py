"""The entities of the tutorial's sample answers, as manifests: no robot runs on the machine of a test.

A and B both have the area `root`, the component `robot`, the function `navigation` and the Apps `cam` and `some_node`.
"""

from collections.abc import Mapping
from typing import Any, Final

Manifest = Mapping[str, Any]


def app(app_id: str, component: str, **fields: Any) -> dict[str, Any]:
    """An App of a manifest."""
    return {"id": app_id, "name": app_id, "is_located_on": component, **fields}


ROOT: Final = [{"id": "root", "name": "Root"}]

A: Final[Manifest] = {
    "areas": ROOT,
    "components": [{"id": "robot", "name": "Robot", "area": "root", "tags": ["base"], "description": "The base"}],
    "apps": [
        app("cam", "robot", data=[{"id": "frame_rate", "value": 30}]),
        app("some_node", "robot", data=[{"id": "load", "value": 1}]),
        app("planner", "robot", faults=[{"code": "PATH_BLOCKED", "severity": "WARN", "description": "No way"}]),
    ],
    "functions": [{"id": "navigation", "name": "Navigation", "hosted_by": ["planner"]}],
}

B: Final[Manifest] = {
    "areas": ROOT,
    "components": [
        {
            "id": "robot",
            "name": "Robot",
            "area": "root",
            "tags": ["arm"],
            "description": "The arm",
            "identity": {"manufacturer": "Example Robotics"},
            "data": [{"id": "torque", "value": 0.5, "writable": True}],
        },
        {
            "id": "arm_controller",
            "name": "Arm controller",
            "area": "root",
            "data": [{"id": "joint_1", "value": 0.25, "writable": True}],
            "configurations": [{"id": "stiffness", "value": 4}],
        },
    ],
    "apps": [
        app("cam", "robot", data=[{"id": "frame_rate", "value": 15, "writable": True}]),
        app("some_node", "robot", data=[{"id": "load", "value": 2}]),
        app(
            "gripper",
            "arm_controller",
            data=[{"id": "opening", "value": 40, "writable": True}],
            configurations=[{"id": "max_force", "value": 25.0}],
            faults=[{"code": "GRIPPER_HOT", "severity": "ERROR", "description": "Above 80 degrees"}],
        ),
    ],
    "functions": [{"id": "navigation", "name": "Navigation", "hosted_by": ["some_node"]}],
}

PAIR: Final = {"gateway_a": A, "gateway_b": B}

CHAIN: Final[Mapping[str, Manifest]] = {
    "gateway_a": {
        "areas": ROOT,
        "components": [{"id": "control_room", "name": "Control room", "area": "root"}],
        "apps": [app("supervisor", "control_room", data=[{"id": "mode", "value": "automatic"}])],
    },
    "gateway_b": {
        "areas": ROOT,
        "components": [{"id": "robot", "name": "Robot", "area": "root"}],
        "apps": [
            app("cam", "robot", data=[{"id": "frame_rate", "value": 30}]),
            app("motion", "robot", faults=[{"code": "JOINT_LIMIT", "severity": "WARN", "description": "Near its end"}]),
        ],
    },
    "gateway_c": {
        "areas": ROOT,
        "components": [{"id": "torch", "name": "Torch", "area": "root"}],
        "apps": [
            app("cam", "torch", data=[{"id": "frame_rate", "value": 120}]),
            app(
                "arc",
                "torch",
                data=[{"id": "current", "value": 180.0, "writable": True}],
                faults=[{"code": "WIRE_LOW", "severity": "ERROR", "description": "Less than a metre left"}],
            ),
        ],
    },
}
