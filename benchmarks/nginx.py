"""nginx as a rival: one process, a page from a file and everything else passed on to one peer."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.federation.ports import free_port

LIST_PATH = "/api/v1/apps"
_STOP_TIMEOUT_S = 5.0

_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type application/json;
    sendfile on;
    open_file_cache max=10;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream peer {{ server {peer}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        location = {list_path} {{ alias {folder}/list.json; }}
        location / {{ proxy_pass http://peer; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """One that runs."""

    pid: int
    url: str


def find_nginx() -> str | None:
    """The program, if it is installed; /usr/sbin is not on everybody's path."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


@contextmanager
def running_nginx(program: str, folder: Path, peer_url: str, page: bytes) -> Iterator[Nginx]:
    """Serves `page` at LIST_PATH and forwards the rest to the peer; ended on leaving."""
    folder.mkdir(parents=True)
    (folder / "list.json").write_bytes(page)
    port = free_port()
    peer = urlsplit(peer_url).netloc
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, peer=peer, port=port, list_path=LIST_PATH))
    child = subprocess.Popen([program, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        yield Nginx(child.pid, f"http://127.0.0.1:{port}")
    finally:
        child.terminate()
        try:
            child.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
