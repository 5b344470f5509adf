"""Pinning the base image by digest, against a registry that asks for a token as real ones do."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/pin-base"


def index(*architectures: str) -> bytes:
    entries = [{"platform": {"os": "linux", "architecture": each}} for each in architectures]
    return json.dumps({"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}, indent=3).encode()


class Registry(BaseHTTPRequestHandler):
    """Answers like the registry of an organisation: manifests for those with a token, tokens for everybody."""

    tags: ClassVar[dict[str, bytes]] = {"/v2/library/python/manifests/3.13-alpine": index("amd64", "arm64", "s390x")}

    def do_GET(self) -> None:
        host = self.headers["Host"]
        if self.path == "/token?service=test&scope=repository%3Alibrary%2Fpython%3Apull":
            self._answer(200, b'{"token": "t"}')
        elif self.headers.get("Authorization") != "Bearer t":
            scope = 'service="test",scope="repository:library/python:pull"'
            self._answer(401, b"{}", **{"WWW-Authenticate": f'Bearer realm="http://{host}/token",{scope}'})
        elif "application/vnd.oci.image.index.v1+json" in self.headers["Accept"] and self.path in self.tags:
            self._answer(200, self.tags[self.path])
        else:
            self._answer(404, b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def pin(record: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"BASE_IMAGE_FILE": str(record)}
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_digest_is_that_of_what_the_registry_sent(registry: str, tmp_path: Path) -> None:
    record = tmp_path / "base-image"
    record.write_text(f"{registry}/library/python:3.13-alpine\n")
    digest = hashlib.sha256(index("amd64", "arm64", "s390x")).hexdigest()
    pinned = f"{registry}/library/python:3.13-alpine@sha256:{digest}\n"
    for _ in range(2):  # also when it is pinned already
        done = pin(record)
        assert (done.returncode, done.stdout) == (0, pinned), done.stderr
        assert record.read_text() == pinned


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{registry}/library/python:none", "HTTP Error 404"),
        ("python:3.13-alpine", "is not REGISTRY/REPOSITORY:TAG"),
        ("127.0.0.1:1/library/python:3.13-alpine", "Connection refused"),
    ],
)
def test_nothing_is_recorded_when_the_registry_does_not_say(
    registry: str, tmp_path: Path, name: str, said: str
) -> None:
    record = tmp_path / "base-image"
    done = pin(record, name.format(registry=registry))
    assert done.returncode == 1
    assert said in done.stderr
    assert not record.exists()


def test_an_image_for_one_platform_alone_is_refused(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Registry.tags, "/v2/library/python/manifests/old", index("amd64"))
    done = pin(tmp_path / "base-image", f"{registry}/library/python:old")
    assert done.returncode == 1
    assert "is for amd64, not for all of amd64, arm64" in done.stderr
