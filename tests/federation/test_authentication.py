"""Promise 59 between gateways, trap T10: a chain in which everybody must prove who they are."""

from pathlib import Path

import pytest
import pytest_asyncio

from gateway.auth.roles import Role
from tests.federation.client import Answer
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster
from tests.federation.guarded import Guarded

in_shared_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(shared_cluster: Cluster) -> Guarded:
    """All three up and merged; everything needs a token."""
    chain = Guarded(shared_cluster)
    await shared_cluster.start_all()
    await chain.whole()
    return chain


def fault_codes(answer: Answer) -> set[str]:
    return {fault["fault_code"] for fault in answer.items}


@in_shared_loop
async def test_promise_59_the_top_of_a_guarded_chain_lists_what_all_three_have(chain: Guarded) -> None:
    eye = await chain.signed_in(chain.a, "eye")
    assert sorted((await eye.get("/components")).ids) == ["control_room", "robot", "torch"]
    assert sorted((await eye.get("/apps")).ids) == ["arc", "cam", "leaf_system__cam", "motion", "supervisor"]
    assert "partial" not in (await eye.get("/apps")).medkit


@in_shared_loop
async def test_promise_59_what_is_forwarded_goes_with_each_gateway_s_own_credential(chain: Guarded) -> None:
    """A's token is none for B, and B's none for C."""
    ci = await chain.signed_in(chain.a, "ci")
    assert (await ci.get("/apps/arc/data/current")).status == 200
    written = await ci.request("PUT", "/apps/arc/data/current", json={"value": 150.0})
    assert written.status == 200
    at_leaf = await chain.signed_in(chain.c, "eye")
    assert (await at_leaf.get("/apps/arc/data/current")).json["data"] == 150.0
    for gateway in (chain.b, chain.c):
        refused = await gateway.get("/apps", {"Authorization": f"Bearer {ci.token}"})
        assert refused.status == 401


@in_shared_loop
async def test_promise_59_a_fan_out_over_the_chain_is_whole(chain: Guarded) -> None:
    eye = await chain.signed_in(chain.a, "eye")
    for path in ("/faults", "/areas/root/faults"):
        answer = await eye.get(path)
        assert (fault_codes(answer), "partial" in answer.medkit) == ({"JOINT_LIMIT", "WIRE_LOW"}, False)
    assert len((await eye.get("/version-info")).items) == 3


@in_shared_loop
async def test_promise_59_who_may_not_write_changes_nothing_anywhere(chain: Guarded) -> None:
    eye, ci = [await chain.signed_in(chain.a, user) for user in ("eye", "ci")]
    before = (await eye.get("/apps/arc/data/current")).json["data"]
    refused = await eye.request("PUT", "/apps/arc/data/current", json={"value": 1.0})
    assert (refused.status, refused.json["error"]) == (403, "insufficient_scope")
    assert (await ci.request("PUT", "/apps/arc/configurations/x", json={"data": 1})).status == 403
    assert (await chain.a.request("PUT", "/apps/arc/data/current", json={"value": 1.0})).status == 401
    assert (await eye.get("/apps/arc/data/current")).json["data"] == before


@in_shared_loop
async def test_promise_59_nothing_but_health_is_told_without_a_token(chain: Guarded) -> None:
    for gateway in (chain.a, chain.b, chain.c):
        for path in ("/", "/apps", "/faults", "/version-info", "/x-medkit-tree", "/x-medkit-events", "/apps/arc/data"):
            assert (path, (await gateway.get(path)).status) == (path, 401)


@in_shared_loop
async def test_promise_t10_strangers_do_not_learn_who_the_peers_are(chain: Guarded) -> None:
    eye = await chain.signed_in(chain.a, "eye")
    known, stranger = [(await each.get("/health")).json for each in (eye, chain.a)]
    assert [(peer["name"], peer["status"]) for peer in known["peers"]] == [("mid_level", "online")]
    assert "peers" not in stranger
    assert "mid_level" not in str(stranger)
    instance = (await chain.b.get("/health")).json["x-medkit"]["instance_id"]
    assert (await chain.a.get("/health", {"X-Medkit-Target": instance})).status == 401
    assert (await eye.get("/health", {"X-Medkit-Target": instance})).status == 200


@in_shared_loop
async def test_a_target_is_authorised_here_before_anything_is_sent_on(chain: Guarded) -> None:
    instance = (await chain.c.get("/health")).json["x-medkit"]["instance_id"]
    eye = await chain.signed_in(chain.a, "eye")
    headers = {"X-Medkit-Target": instance}
    refused = await eye.request("PUT", "/apps/arc/data/current", headers=headers, json={"value": 1.0})
    assert refused.status == 403
    assert (await eye.get("/apps/arc/data/current", headers)).status == 200
    body = {"grant_type": "client_credentials", "client_id": "eye", "client_secret": "gateway_c-eye"}
    elsewhere = await chain.a.request("POST", "/auth/authorize", headers=headers, json=body)
    assert elsewhere.status == 401  # a secret of C's is nothing here, and was not sent there


@in_shared_loop
async def test_no_log_has_a_token_or_a_secret(chain: Guarded) -> None:
    ci = await chain.signed_in(chain.a, "ci")
    await ci.get("/apps/arc/data/current")
    text = "".join(each.process.log_text() for each in (chain.a, chain.b, chain.c))
    hidden = [
        *(ci.token, chain.token_file.read_text().strip(), chain.secret_file.read_text().strip()),
        *chain._secrets.values(),
        *("gateway_a-ci", "gateway_a-boss"),
    ]
    assert [each for each in hidden if each in text] == []


def gaps(answer: Answer) -> list[tuple[str, str]]:
    """Who is missing from an answer, and why."""
    return [(error["peer"], error["reason"]) for error in answer.medkit.get("peer_errors", [])]


async def test_a_credential_that_is_not_good_is_a_gap_named_auth_until_there_is_a_good_one(cluster: Cluster) -> None:
    chain = Guarded(cluster)
    good = chain.token_file.read_text()
    renewed(chain.token_file, chain.mint("gateway_b", "gateway_b", Role.ADMIN))  # a token of another gateway
    await cluster.start_all()
    eye, at_b = await chain.signed_in(chain.a, "eye"), await chain.signed_in(chain.b, "eye")
    await eye.lists("components", "control_room", "robot")

    async def is_named() -> bool:
        (peer,) = (await at_b.get("/health")).json["peers"]
        assert (peer["name"], peer["status"], peer["x-medkit"]["reason"]) == ("leaf_system", "online", "auth")
        assert gaps(await at_b.get("/faults")) == [("leaf_system", "auth")]
        assert (await eye.get("/faults")).medkit["failed_peers"] == ["mid_level/leaf_system"]
        return True

    await eventually(is_named)
    renewed(chain.token_file, good)
    await eye.lists("components", "control_room", "robot", "torch")
    assert "partial" not in (await eye.get("/faults")).medkit


async def test_a_token_that_ends_is_a_gap_at_once_and_the_client_is_not_told_that_its_own_ended(
    cluster: Cluster,
) -> None:
    chain = Guarded(cluster)
    await cluster.start_all()
    await chain.whole()
    ci = await chain.signed_in(chain.a, "ci")
    renewed(chain.token_file, "no.good.token")

    async def is_gap() -> bool:
        answer = await ci.get("/apps/arc/data/current")
        assert (answer.status, answer.json["vendor_code"]) == (502, "x-medkit-peer-unavailable")
        assert (answer.json["x-medkit"]["reason"], answer.json["x-medkit"]["peer"]) == ("auth", "mid_level/leaf_system")
        return True

    await eventually(is_gap)
    refused = await ci.request("PUT", "/apps/arc/data/current", json={"value": 1.0})
    assert (refused.status, refused.json["parameters"]["may_have_executed"]) == (502, False)
    faults = await ci.get("/faults")
    assert (gaps(faults), fault_codes(faults)) == ([("mid_level/leaf_system", "auth")], {"JOINT_LIMIT"})


async def test_a_gateway_may_do_at_the_next_what_its_credential_may_there(cluster: Cluster) -> None:
    """The client is an operator here; the owner knows only B, and B is a viewer to it."""
    chain = Guarded(cluster, role_of_b="viewer")
    await cluster.start_all()
    await chain.whole()
    ci = await chain.signed_in(chain.a, "ci")
    assert (await ci.get("/apps/arc/data/current")).status == 200
    refused = await ci.request("PUT", "/apps/arc/data/current", json={"value": 1.0})
    assert (refused.status, refused.json["x-medkit"]["reason"]) == (502, "auth")
    assert refused.json["parameters"]["may_have_executed"] is False
    assert "a gateway on the way was refused: it is missing, not good, or its role" in refused.json["message"]
    nearer = await (await chain.signed_in(chain.b, "ci")).request("PUT", "/apps/arc/data/current", json={"value": 1.0})
    assert (nearer.status, nearer.json["x-medkit"]["reason"]) == (502, "auth")
    assert "the credential of this gateway was refused: its role does not suffice" in nearer.json["message"]
    assert [line["method"] for line in chain.b.log() if line["event"] == "role at a peer does not suffice"] == ["PUT"]


async def test_fault_076_what_was_revoked_stays_so_over_a_restart_and_peers_sign_in_anew(cluster: Cluster) -> None:
    chain = Guarded(cluster, policy="write")
    await cluster.start_all()
    ci = await chain.signed_in(chain.b, "ci")
    kept = await chain.signed_in(chain.b, "ci")
    assert (await ci.request("DELETE", "/faults")).status == 204
    assert (await chain.b.request("POST", "/auth/revoke", json={"token": ci.token})).json == {"status": "revoked"}
    assert (await ci.request("DELETE", "/faults")).status == 401
    await chain.b.kill()
    await chain.b.start()
    assert (await ci.request("DELETE", "/faults")).status == 401
    assert (await kept.request("DELETE", "/faults")).status == 204
    await chain.whole()
    at_a = await chain.signed_in(chain.a, "ci")
    assert (await at_a.request("PUT", "/apps/arc/data/current", json={"value": 12.0})).status == 200


def renewed(path: Path, text: str) -> None:
    """Puts another file in the place of the one there is."""
    beside = path.with_suffix(".new")
    beside.write_text(f"{text.strip()}\n")
    beside.replace(path)


CLIENT_TOKEN = "Bearer the.client.s-own"


async def test_fault_069_only_what_is_allowed_goes_on_and_never_what_the_client_proves_itself_with(
    cluster: Cluster,
) -> None:
    """`Connection` may name headers to take off, and must not make us put any on."""
    owner = await cluster.owner({"name": "b", "apps": [{"id": "cam", "data": ["speed"]}]})
    token_file = cluster.folder / "token"
    token_file.write_text("ours")
    bare = cluster.add("bare", peers=[("subsystem_b", owner)])
    own = cluster.add("own")
    peer = {"name": "subsystem_b", "url": owner.url, "token_file": str(token_file)}
    own.configure({"aggregation": {"enabled": True, "peers": [peer]}})
    await cluster.start_all()
    hostile = {
        "Authorization": CLIENT_TOKEN,
        "Proxy-Authorization": "Basic eDp5",
        "Cookie": "session=1",
        "Connection": "Authorization, X-Client-Id, X-Medkit-Via, keep-alive",
        "X-Forwarded-For": "10.0.0.1",
        "X-Client-Id": "me",
        "X-Evil": "1",
        "TE": "trailers",
    }
    for gateway, shown in ((bare, None), (own, "Bearer ours")):
        await gateway.lists("apps", "cam")
        await owner.forget()
        assert (await gateway.get("/apps/cam/data/speed", hostile)).status == 200
        assert (await gateway.get("/faults", hostile)).status == 200
        seen = [each for each in await owner.requests() if not each["path"].startswith("/api/v1/x-medkit-")]
        asked = [each for each in seen if each["path"] != "/api/v1/health"]
        assert len(asked) >= 2
        for request in asked:
            names = {name.lower(): value for name, value in request["headers"].items()}
            assert names.get("authorization") == shown
            assert names["x-client-id"] == "me"
            forbidden = {"proxy-authorization", "cookie", "connection", "x-forwarded-for", "x-evil", "te"}
            assert forbidden & names.keys() == set()


FORGED = [
    ({"X-Medkit-Via": "not an id"}, 400),
    ({"X-Medkit-Origins": "x,,y"}, 400),
    ({"X-Medkit-Target": "../../x"}, 400),
    ({"X-Medkit-Via": ",".join(f"{n:_<22}" for n in range(17))}, 508),
    ({"X-Medkit-Deadline-Ms": "-1"}, 400),
    ({"X-Medkit-Scope": "a b"}, 400),
]


@in_shared_loop
async def test_fault_068_forged_headers_narrow_a_request_or_are_refused_and_open_nothing(chain: Guarded) -> None:
    ci = await chain.signed_in(chain.a, "ci")
    own = (await chain.a.get("/health")).json["x-medkit"]["instance_id"]
    stranger = "A" * 22
    for headers, status in (*FORGED, ({"X-Medkit-Via": own}, 508), ({"X-Medkit-To": stranger}, 421)):
        assert (headers, (await ci.get("/faults", headers)).status) == (headers, status)
        assert (headers, (await chain.a.get("/faults", headers)).status) == (headers, 401)
    whole = fault_codes(await ci.get("/faults"))
    for headers in ({"X-Medkit-Via": stranger}, {"X-Medkit-Tried": stranger}, {"X-Medkit-Origins": own}):
        narrowed = await ci.get("/faults", headers)
        assert narrowed.status == 200
        assert fault_codes(narrowed) <= whole
