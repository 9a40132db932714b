"""Answers about resources are what upstream's own gateways answered, but for what differs on purpose.

A gateway with the recorded leaf's entities, and one that aggregates it, are sent every recorded request; what upstream
says must be there, with the same type and value. More keys than upstream's are fine: readers ignore what they do not
know. Entities themselves are compared in `tests/unit/http`.
"""

import re

import pytest

from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, GatewayProcess
from tests.federation.recordings import Exchange, differences, manifest_of, resource_exchanges

MEMBERS = r"\.x-medkit\.(is_aggregated|(app|component|host)_count|(aggregation_sources|source_ids|queried_nodes)\.\+.*)"
"""How many there are of what an entity consists of, and that there are more."""

EVERYWHERE = (
    # A manifest's data has no ROS topic behind it, so no message type and no publishers.
    (r"GET .*/data(/.*)?", r".*\.x-medkit\.(ros2|type_info|publisher_count|subscriber_count)"),
    # Read at another time.
    (r"GET .*/data/.*", r"\.x-medkit\.timestamp"),
    # The recordings' fault store told no times in details.
    (r"GET .*/faults/.*", r"\.environment_data\.extended_data_records\.(first|last)_occurrence"),
    # A Component also has what its subcomponents have, as an Area does.
    (r"GET /components/robot/.*", rf"\.items\.\+.*|\.x-medkit\.(total_count|count)|{MEMBERS}"),
)

CHANGES = (
    # What is written is held, not published.
    (r"PUT .*/data/.*", r"\.x-medkit\.(ros2|publisher_created|status)"),
    # Said further: that there is a spelling without a type.
    (r"PUT /apps/pressure_sensor/data/x", r"\.message"),
)

OPERATIONS = (
    # Operations of a manifest are no services and actions of ROS, and have the types of what they take.
    (r"GET .*/operations(/calibrate)?", r".*\.x-medkit\.(ros2|source|type_info\.(request|goal))(\..*)?"),
)

AGGREGATED = (
    # Apps of a peer count as much as own ones: they are told apart, counted, and named as they are called here.
    (r"GET /(areas/(chassis|powertrain)|functions/navigation)/.*", rf"\.x-medkit\.total_count|{MEMBERS}"),
    (r"GET /(areas|functions)/\w+/(data|configurations)", r"\.items\.(\+.*|rate)|\.x-medkit\.parameters\..*"),
)

ON_PURPOSE = {
    "leaf": (*EVERYWHERE, *CHANGES, *OPERATIONS),
    "aggregator": (
        *EVERYWHERE,
        *CHANGES,
        *OPERATIONS,
        *AGGREGATED,
        # The count is that of the items.
        (r"GET /faults", r"\.x-medkit\.count"),
        # Here the leaf's `cam` is `subsystem_b__cam`, in every answer.
        (r"GET /areas/chassis/configurations", r"\.items\.cam:rate"),
        (r"GET /areas/chassis/configurations/cam%3Arate", r"\.message"),
        (r"GET /areas/chassis/data/%2Fchassis%2Fcam%2Fimage", r"\.x-medkit\.entity_id"),
        (r"GET /components/ecu-b/.*", r".*\.(member_ids|aggregation_sources|source_ids)\.(cam|\+subsystem_b__cam)"),
        (r"GET /apps/subsystem_b__cam/.*", r"\.x-medkit\.(entity_id|source_ids\.(cam|\+subsystem_b__cam))"),
        (
            r"GET /(components/ecu-b|apps/subsystem_b__cam)/configurations",
            r"\.x-medkit\.parameters\.rate\.x-medkit\.source",
        ),
        # A fault that is listed has a detail, whoever reported it.
        (r"GET /areas/chassis/faults/P_LOW", r"status|\.(error_code|message|parameters)"),
    ),
    "aggregator-peer-dead": (
        *EVERYWHERE,
        *AGGREGATED,
        # What a silent gateway would have to say is a named gap, not a list of what it said once.
        (
            r"GET /(areas/chassis|functions/navigation)/(data|operations)",
            r"\.items\.(/chassis/.*|(long_)?calibrat(e|ion))|\.x-medkit\.(total_count|aggregation_sources\..*)",
        ),
        # One item of a silent member is 502, as long as the entity that was asked for is there.
        (
            r"GET /(areas/chassis|functions/navigation)/(data|operations)/.*",
            r"status|\.(error_code|message|parameters|item)",
        ),
        # Retained Areas stay, as everything else that is retained.
        (r"GET /areas/brakes/.*", r"status|\.(error_code|message)"),
        # A body is the owner's to judge.
        (r"PUT /apps/pressure_sensor/configurations/offset", r"status|\.(error_code|message)"),
    ),
}
"""Per recording: (request, place in the answer), both whole-string patterns, with the reason above."""


async def asked(cluster: Cluster, recording: str) -> GatewayProcess:
    """The gateway that a recording is of, in the state in which it was recorded."""
    leaf = cluster.add("leaf", manifest=manifest_of("leaf"))
    if recording == "leaf":
        await leaf.start()
        return leaf
    aggregator = cluster.add("aggregator", manifest=manifest_of("aggregator"), peers=[("subsystem_b", leaf)])
    aggregator.configure({"aggregation.retain_offline": "declared"})
    await cluster.start_all([leaf, aggregator])
    await aggregator.sees("subsystem_b")
    for exchange in resource_exchanges("leaf"):
        if exchange.method == "PUT":  # the leaf was recorded first
            await leaf.request("PUT", exchange.path, json=exchange.body)
    if recording == "aggregator-peer-dead":
        await leaf.kill()
        await eventually(lambda: is_partial(aggregator))
    return aggregator


async def is_partial(gateway: GatewayProcess) -> bool:
    return bool((await gateway.get("/apps")).medkit.get("partial"))


async def found(gateway: GatewayProcess, exchange: Exchange) -> list[str]:
    """Where our answer to a recorded request differs."""
    answer = await gateway.request(exchange.method, exchange.path, json=exchange.body)
    assert answer.headers["Content-Type"] == "application/json"
    status = [] if answer.status == exchange.status else ["status"]
    return [*status, *differences(exchange.answer, answer.json)]


@pytest.mark.parametrize("recording", ON_PURPOSE)
async def test_answers_about_resources_are_upstreams_but_for_what_differs_on_purpose(
    cluster: Cluster, recording: str
) -> None:
    gateway = await asked(cluster, recording)
    exchanges = resource_exchanges(recording)
    assert len(exchanges) > 60
    places = [(str(exchange), place) for exchange in exchanges for place in await found(gateway, exchange)]
    rules = ON_PURPOSE[recording]
    assert [one for one in places if not any(is_meant(rule, *one) for rule in rules)] == []
    assert [rule for rule in rules if not any(is_meant(rule, *one) for one in places)] == []


def is_meant(rule: tuple[str, str], request: str, place: str) -> bool:
    """Whether a rule of ON_PURPOSE is about this difference."""
    on, at = rule
    return bool(re.fullmatch(on, request) and re.fullmatch(at, place))
