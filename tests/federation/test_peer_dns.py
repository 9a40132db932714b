"""Peers found in DNS by a real gateway: a real DNS server on loopback, whose zone changes and which dies."""

from tests.federation.found import becomes, peer_names, sources, vanishes, warned
from tests.federation.gateways import Cluster, eventually
from tests.federation.plant import manifest
from tests.unit.discovery.dns_server import dns_server

SRV = "_grove._tcp.example"


async def test_srv_records_come_and_go_and_a_dead_server_takes_nobody_away(cluster: Cluster) -> None:
    b, c = (cluster.add(name, manifest=manifest(name)) for name in "bc")
    async with dns_server() as server:
        server.set(SRV, "SRV", f"0 0 {b.port} localhost.", ttl=0)
        address = "{}:{}".format(*server.address)
        found = {"aggregation.peer_dns": [f"dnssrv+{SRV}"], "aggregation.dns_servers": [address]}
        a = cluster.add("a", manifest=manifest("a"), settings={"aggregation.enabled": True, **found})
        await cluster.start_all()
        await a.sees("localhost")
        await a.lists("components", "a_unit", "b_unit")
        one = await becomes(a, f"http://localhost:{b.port}", state="up", found_by="dns")
        assert one["source"] == f"dns:dnssrv+{SRV}"
        server.set(SRV, "SRV", f"0 0 {c.port} localhost.", ttl=0)
        await vanishes(a, f"http://localhost:{b.port}", 60)
        await a.lists("components", "a_unit", "c_unit")
    warning = await warned(a, "peer_source_failed", 60)
    assert SRV in warning["message"]
    assert (await sources(a))[f"dns:dnssrv+{SRV}"]["found"] == 1
    await a.lists("components", "a_unit", "c_unit")


async def test_the_addresses_of_a_name_are_peers_and_one_gateway_at_two_of_them_is_one(cluster: Cluster) -> None:
    b = cluster.add("b", manifest=manifest("b"), settings={"server.host": "localhost"})
    async with dns_server() as server:
        server.set("leaf.example", "A", "127.0.0.1")
        address = "{}:{}".format(*server.address)
        found = {"aggregation.peer_dns": [f"dns+leaf.example:{b.port}"], "aggregation.dns_servers": [address]}
        a = cluster.add("a", manifest=manifest("a"), settings={"aggregation.enabled": True, **found})
        a.configure({"aggregation.peer_files": [str(cluster.folder / "list.json")]})
        (cluster.folder / "list.json").write_text(f'[{{"name": "leaf", "url": "http://localhost:{b.port}"}}]')
        await cluster.start_all()

        async def one_of_them_is_a_peer() -> bool:
            assert len(await peer_names(a)) == 1
            other = {"leaf": "http://127.0.0.1", "leaf-127-0-0-1": "http://localhost"}[(await peer_names(a))[0]]
            await becomes(a, f"{other}:{b.port}", timeout=0, state="candidate", reason="duplicate")
            return True

        await eventually(one_of_them_is_a_peer, 30)
        await a.lists("components", "a_unit", "b_unit")
