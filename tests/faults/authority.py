"""A certificate authority of a test's own, made with the openssl command."""

import datetime as dt
import ssl
import subprocess
from pathlib import Path

DAY = dt.timedelta(days=1)
HERE = "IP:127.0.0.1"

_NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
_CONFIG = """
[ca]
default_ca = this
[this]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
copy_extensions = copy
[policy]
commonName = supplied
"""


class Authority:
    """Signs certificates into files of `folder`; `file` is its own, for those who trust it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._folder.mkdir()
        (self._folder / "index.txt").touch()
        (self._folder / "ca.cnf").write_text(_CONFIG.format(folder=self._folder))
        self.file = self._folder / "ca.pem"
        self._openssl(f"req -x509 {_NEW_KEY} -days 2 -subj /CN={name} -keyout ca.key -out ca.pem")

    def context(self, name: str, *, host: str = HERE, ends: dt.timedelta = DAY) -> ssl.SSLContext:
        """A server with a certificate for `host` (a subjectAltName) that is valid until so long from now."""
        now = dt.datetime.now(dt.UTC)
        start, end = (f"{moment:%Y%m%d%H%M%SZ}" for moment in (now - 10 * DAY, now + ends))
        self._openssl(
            f"req -new {_NEW_KEY} -subj /CN={name} -addext subjectAltName={host} -keyout {name}.key -out {name}.csr"
        )
        self._openssl(
            f"ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -in {name}.csr -out {name}.pem "
            f"-startdate {start} -enddate {end}"
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate(name), self.key(name))
        return context

    def certificate(self, name: str) -> Path:
        """The file of a certificate that `context` made."""
        return self._folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        """The file of its key."""
        return self._folder / f"{name}.key"

    def _openssl(self, arguments: str) -> None:
        subprocess.run(["openssl", *arguments.split()], cwd=self._folder, check=True, capture_output=True)
