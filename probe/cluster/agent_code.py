"""The agent's code as one file: a zip archive that Python runs (https://docs.python.org/3/library/zipapp.html).

It needs no image of ours: any that has Python will do. ``zipapp`` itself writes the times of files into the archive;
this one has the same bytes wherever it is made, so that two runs bring the same agent.
"""

from __future__ import annotations

import importlib.resources
import io
import zipfile
from collections.abc import Iterator
from importlib.resources.abc import Traversable

PACKAGE = "cni_probe_agent"
MAX_BYTES = 700_000
"""A ConfigMap holds 1 MiB (core/v1 MaxSecretSize), and base64 makes four bytes of three in transit and in etcd."""

_MAIN = f"import sys\nfrom {PACKAGE}.__main__ import main\nsys.exit(main(sys.argv[1:]))\n"


def agent_zipapp() -> bytes:
    """The archive: ``python3 agent.pyz serve`` is ``python3 -m cni_probe_agent serve``."""
    sources = dict(_sources(importlib.resources.files(PACKAGE), PACKAGE))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # deflate differs with the version of zlib
        for name, content in sorted({"__main__.py": _MAIN.encode(), **sources}.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # else it says on which system it was made
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def _sources(directory: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    """Modules by their names in the archive, those of packages below as well."""
    for each in directory.iterdir():
        if each.is_dir():
            yield from _sources(each, f"{name}/{each.name}")
        elif each.name.endswith(".py"):
            yield f"{name}/{each.name}", each.read_bytes()
