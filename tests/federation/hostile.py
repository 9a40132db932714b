"""Requests that must be refused, as bytes: each with the statuses it may get."""

from dataclasses import dataclass

from tests.federation.rawhttp import request

OWN = "/api/v1/apps/own_app/data/whose"
REMOTE = "/api/v1/apps/drive/data/speed"
SOMEBODY = "A" * 22


@dataclass(frozen=True, slots=True)
class Hostile:
    """A request, and the statuses it may be answered with; none: the connection is closed without a word."""

    name: str
    raw: bytes
    statuses: frozenset[int]

    def __str__(self) -> str:
        return self.name


def hostile(name: str, raw: bytes, *statuses: int) -> Hostile:
    return Hostile(name, raw, frozenset(statuses or (400,)))


def told(name: str, value: str | bytes, *statuses: int, path: str = REMOTE) -> Hostile:
    """A request for the owner's data with one header of its own."""
    header = f"{name}: ".encode() + (value if isinstance(value, bytes) else value.encode())
    return hostile(f"{name} {value[:30]!r}", request(path, header), *statuses)


def at(target: str | bytes, *statuses: int) -> Hostile:
    """A request for this target."""
    return hostile(f"target {target[:60]!r}", request(target), *statuses)


def put(name: str, body: bytes, *statuses: int, headers: tuple[str, ...] = ()) -> Hostile:
    """A write to data of our own."""
    return hostile(f"body {name}", request(OWN, *headers, method="PUT", body=body), *statuses)


HOPS = [
    *(
        told(f"X-Medkit-{name}", value)
        for name in ("Via", "Tried", "Origins")
        for value in ("nobody", f"{SOMEBODY},,", "../x")
    ),
    *(
        told(f"X-Medkit-{name}", value)
        for name in ("Target", "To")
        for value in ("", "nobody", f"{SOMEBODY},{SOMEBODY}")
    ),
    told("X-Medkit-Via", ",".join([SOMEBODY] * 33)),
    told("X-Medkit-Via", ",".join([SOMEBODY] * 17), 508),
    told("X-Medkit-Target", SOMEBODY, 502),
    told("X-Medkit-To", SOMEBODY, 421),
    told("X-Medkit-Tried", ",".join([SOMEBODY] * 1025), 400, 431),
    told("X-Medkit-Origins", ",".join([SOMEBODY] * 101)),
    told("X-Medkit-Scope", "../x"),
    told("X-Medkit-Scope", ",".join(["unit"] * 101)),
    *(told("X-Medkit-Deadline-Ms", value) for value in ("-1", "1e3", "0x10", "", "soon", "99999999", "٣")),
    told("X-Medkit-Deadline-Ms", "0", 504),
    told("Accept", b"\xff\xfe"),
    told("X-Client-Id", "Jürgen 日本".encode()),
]

TARGETS = [
    at("/api/v1/../../etc/passwd"),
    at("/api/v1/apps/../../../etc/passwd"),
    at("/api/v1/apps/drive/data/../../../secrets"),
    at("/api/v1/apps/%2e%2e/data"),
    at("/api/v1/apps/drive/data/%2e%2e%2f%2e%2e"),
    at("/api/v1/apps/drive/data/..%2fx"),
    at("/api/v1/apps/drive/data/%252e%252e"),
    at("/api/v1/apps/drive%2f..%2fother/data", 400, 404),
    at("/api/v1/apps//data"),
    at("/api/v1/apps/drive\\data"),
    at("/api/v1/apps/drive;x=1/data"),
    at("/api/v1/apps/..;/data"),
    at("/api/v1/apps/drive%00/data"),
    at("/api/v1/apps/drive%0d%0aX-Evil:%201/data", 400, 404),
    at("/api/v1/apps/drive%0a/data", 400, 404),
    at("/api/v1/apps/%c0%ae%c0%ae/data"),
    at("/api/v1/apps/%ff/data"),
    at("/api/v1/apps/%zz/data"),
    at("/api/v1/apps/%/data"),
    at("/api/v1/apps/drive#fragment"),
    at("/api/v1/apps/" + "x" * 257 + "/data"),
    at("/api/v1/apps/" + "x" * 9000, 414),
    at("/api/v1/apps/" + "x" * 70_000, 414),
    at("/api/v1/apps/%F0%9F%A4%96/data"),
    at("/api/v1/apps/\xe4/data"),
    at("http://evil.example/api/v1/apps"),
    at("//evil.example/api/v1/apps", 404),
    at("*"),
    at("/api/v2/apps", 404),
    at("/etc/passwd", 404),
    at("/api/v1/components/drive/data"),
    at("/api/v1/faults?status=EVIL"),
    at("/api/v1/apps/own_app/data?" + "&".join(f"a{n}=1" for n in range(1000))),
]

METHODS = [
    hostile("trace", request(method="TRACE"), 405),
    hostile("connect", b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400, 405),
    hostile("unknown", request(OWN, method="BREW"), 400, 405),
    hostile("method_of_signs", request(REMOTE, method="`ET"), 400, 405),
    hostile("http 0.9", b"GET /api/v1/health\r\n\r\n", 400, 505),
    hostile("http 2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505),
    hostile("http 3.0", b"GET /api/v1/health HTTP/3.0\r\nHost: x\r\n\r\n", 400, 505),
    hostile("post to a list", request("/api/v1/apps", method="POST", body=b"{}"), 404),
    hostile("delete of an entity", request("/api/v1/apps/own_app", method="DELETE"), 404),
]

BODIES = [
    put("truncated", b'{"data": '),
    put("a name twice", b'{"type": "string", "data": "own", "data": "own"}'),
    put("not json", b"data=1"),
    put("nan", b'{"data": NaN}'),
    put("infinite", b'{"data": 1e999}'),
    put("nested", b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    put("bad utf-8", b'{"data": "\xff"}'),
    put("lone surrogate", b'{"data": "\\ud800"}'),
    put("byte order mark", b'\xef\xbb\xbf{"data": 1}'),
    put("utf-16", '{"data": 1}'.encode("utf-16")),
    put("a list", b"[1]"),
    put("a number", b"1"),
    put("too large", b'{"data": "' + b"x" * 1_100_000 + b'"}', 413),
    hostile("too large, not sent yet", request(OWN, "Content-Length: 1100000", method="PUT"), 413),
    put("encoded", b"\x1f\x8b", 415, headers=("Content-Encoding: gzip",)),
    hostile("chunk of no number", request(OWN, "Transfer-Encoding: chunked", method="PUT") + b"zz\r\n{}\r\n0\r\n\r\n"),
]

FRAMES = [
    hostile(
        "length and chunks",
        request(REMOTE, "Content-Length: 4", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\nEVIL",
    ),
    hostile("two lengths", request(REMOTE, "Content-Length: 0", "Content-Length: 40", method="POST") + b"EVIL"),
    hostile("length with sign", request(REMOTE, "Content-Length: +4", method="POST") + b"EVIL"),
    hostile("length list", request(REMOTE, "Content-Length: 4, 4", method="POST") + b"EVIL"),
    hostile("unknown coding", request(REMOTE, "Transfer-Encoding: xchunked", method="POST") + b"0\r\n\r\n"),
    hostile("space before colon", request(REMOTE, "Transfer-Encoding : chunked", method="POST") + b"0\r\n\r\n"),
    hostile("folded header", request(REMOTE, "X: a\r\n b")),
    hostile("nul in header", request(REMOTE, "X: a\0b")),
    hostile("bare cr", request(REMOTE, "X: a\rY: b")),
    hostile("second host", request(REMOTE, "Host: evil.example")),
    hostile("no host", b"GET /api/v1/health HTTP/1.1\r\n\r\n"),
    hostile("host with path", b"GET /api/v1/health HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    hostile("huge header", request(REMOTE, "X: " + "y" * 20_000), 431),
    hostile("many large headers", request(REMOTE, *(f"X{n}: " + "y" * 4000 for n in range(20))), 431),
    hostile("a thousand headers", request(REMOTE, *(f"X{n}: y" for n in range(1000))), 400, 431),
    hostile("expectation", request(REMOTE, "Expect: 200-ok"), 417),
    hostile("tls greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    hostile("noise", bytes(range(256)) * 8),
]

LINES = [
    hostile("tab for a blank", b"GET\t/api/v1/apps\tHTTP/1.1\r\nHost: x\r\n\r\n"),
    hostile("blank in the target", b"GET /api/v1/apps x HTTP/1.1\r\nHost: x\r\n\r\n"),
    hostile("no target", b"GET HTTP/1.1\r\nHost: x\r\n\r\n"),
    hostile("no method", b" /api/v1/apps HTTP/1.1\r\nHost: x\r\n\r\n"),
    hostile("no version", b"GET /api/v1/apps\r\nHost: x\r\n\r\n", 400, 505),
    hostile("version of two figures", b"GET /api/v1/apps HTTP/1.10\r\nHost: x\r\n\r\n", 400, 505),
    hostile("version 1.2", b"GET /api/v1/apps HTTP/1.2\r\nHost: x\r\n\r\n", 400, 505),
    hostile("version in small letters", b"GET /api/v1/apps http/1.1\r\nHost: x\r\n\r\n", 400, 505),
    hostile("method with a colon", b"GE:T /api/v1/apps HTTP/1.1\r\nHost: x\r\n\r\n"),
    hostile("method with a line end", b"GET\r\n/api/v1/apps HTTP/1.1\r\nHost: x\r\n\r\n"),
    hostile("long method", b"G" * 20_000 + b" /api/v1/apps HTTP/1.1\r\nHost: x\r\n\r\n", 400, 404, 414),
    hostile("https target", request("https://localhost/api/v1/apps")),
    hostile("authority for a target", request("localhost:80")),
    hostile("relative target", request("api/v1/apps")),
    hostile("query alone", request("?x=1")),
    hostile("nul in the target", b"GET /api/v1/apps\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
    hostile("socks greeting", b"\x05\x01\x00\r\n\r\n"),
    hostile("ssh greeting", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    hostile("smtp greeting", b"EHLO evil.example\r\n\r\n"),
    hostile("proxy protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + request(REMOTE)),
]

HEADERS = [
    hostile("name with a blank", request(REMOTE, "X A: b")),
    hostile("empty name", request(REMOTE, ": b")),
    hostile("no colon", request(REMOTE, "X-A")),
    hostile("blank first", request(REMOTE, " X-A: b")),
    hostile("name with a control character", request(REMOTE, b"X\x01A: b")),
    hostile("name beyond ASCII", request(REMOTE, b"X\xe4A: b")),
    hostile("name in brackets", request(REMOTE, "X(A): b")),
    hostile("value with a line feed", request(REMOTE, b"X-A: a\nX-B: b")),
    hostile("bare line feeds", request(REMOTE).replace(b"\r\n", b"\n")),
    hostile("length in hex", request(REMOTE, "Content-Length: 0x4", method="POST") + b"EVIL"),
    hostile("negative length", request(REMOTE, "Content-Length: -1", method="POST")),
    hostile("length with a fraction", request(REMOTE, "Content-Length: 4.0", method="POST") + b"EVIL"),
    hostile("empty length", request(REMOTE, "Content-Length:", method="POST") + b"EVIL"),
    hostile("length with a blank", request(REMOTE, "Content-Length: 4 4", method="POST") + b"EVIL"),
    hostile("length beyond all numbers", request(REMOTE, "Content-Length: " + "9" * 40, method="POST"), 400, 413),
    hostile(
        "chunked twice", request(REMOTE, "Transfer-Encoding: chunked, chunked", method="POST") + b"0\r\n\r\n", 400, 501
    ),
    hostile("chunked not last", request(REMOTE, "Transfer-Encoding: chunked, gzip", method="POST") + b"0\r\n\r\n"),
    hostile("codings apart", request(REMOTE, *("Transfer-Encoding: chunked",) * 2, method="POST") + b"0\r\n\r\n"),
    hostile(
        "chunked in an old version",
        b"POST /api/v1/apps/drive/data/speed HTTP/1.0\r\nHost: x\r\n"
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    hostile("host with a user", b"GET /api/v1/health HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    hostile("host with a query", b"GET /api/v1/health HTTP/1.1\r\nHost: a?b\r\n\r\n"),
    hostile("hosts in a list", b"GET /api/v1/health HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    hostile("empty host", b"GET /api/v1/health HTTP/1.1\r\nHost:\r\n\r\n"),
    told("Content-Encoding", "gzip, identity", 415),
    told("Expect", "100-continue, x", 417),
]

CHUNKED = request(OWN, "Transfer-Encoding: chunked", method="PUT")

CHUNKS = [
    hostile("chunk of a negative size", CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"),
    hostile("chunk with 0x", CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n"),
    hostile("chunk beyond all numbers", CHUNKED + b"FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n", 400, 408, 413),
    hostile("chunk longer than it says", CHUNKED + b"2\r\n{}EVIL\r\n0\r\n\r\n"),
    hostile("chunk without its end", CHUNKED + b"2\r\n{}0\r\n\r\n"),
    hostile("chunk of no size", CHUNKED + b"\r\n{}\r\n0\r\n\r\n"),
    hostile("chunk with a line feed alone", CHUNKED + b"2\n{}\n0\n\n"),
]

REQUESTS = [*HOPS, *TARGETS, *METHODS, *BODIES, *FRAMES, *LINES, *HEADERS, *CHUNKS]
"""Each is refused, whichever of aiohttp's two parsers reads it."""
