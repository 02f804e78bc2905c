"""Authorities and certificates for tests, made by the openssl command."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("the openssl command is not here")
        self.folder = folder / name
        self.folder.mkdir()
        self.cert = self.folder / "ca.pem"
        self._key = self.folder / "ca.key"
        self._count = 0
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", self._key, "-out", self.cert, "-days", "30", "-subj", f"/CN={name}"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def issue(
        self, names: str = "DNS:localhost,IP:127.0.0.1", *, days: int = 10, cert: Path | None = None
    ) -> tuple[Path, Path]:
        """Return files of a new certificate and its key; `days` below zero: it has expired."""
        self._count += 1
        cert = cert or self.folder / f"{self._count}.pem"
        key, request = cert.with_suffix(".key"), self.folder / "request"
        extensions = self.folder / "extensions"
        extensions.write_text(f"subjectAltName={names}\n")
        _openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", key, "-out", request, "-subj", f"/CN=number {self._count}"),
        )
        _openssl(
            *(
                "x509",
                "-req",
                "-in",
                request,
                "-CA",
                self.cert,
                "-CAkey",
                self._key,
                "-set_serial",
                self._count,
            ),
            *("-out", cert, "-days", days, "-extfile", extensions),
        )
        return cert, key

    def encrypted(self, key: Path) -> Path:
        """Return the file of that key, encrypted."""
        locked = key.with_suffix(".locked")
        _openssl("ec", "-in", key, "-out", locked, "-aes128", "-passout", "pass:word")
        return locked

    def server(self, names: str = "DNS:localhost,IP:127.0.0.1", *, days: int = 10) -> ssl.SSLContext:
        """Return the context of a server with a new certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.issue(names, days=days))
        return context

    def client(self, shown: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority; `shown`: its certificate and key."""
        context = ssl.create_default_context(cafile=str(self.cert))
        if shown is not None:
            context.load_cert_chain(*shown)
        return context


def _openssl(*arguments: object) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
