"""A Python base image out of this machine's own files, for tests: no registry is asked.

It has what images for production have, too much: installers, bytecode, a program that makes its user root. It has no
shell, since a build of the agent's image must need none.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

INSTALLERS = ("sbin/apk", "usr/bin/apt-get", "usr/bin/dpkg", "usr/local/bin/pip3")
DATABASE = "usr/lib/apk/db/installed"
_LEFT_OUT = shutil.ignore_patterns("*-packages", "test", "idlelib", "tkinter", "lib2to3", "config-*", "__pycache__")


def populate(root: Path) -> None:
    """Put a Python, its libraries and what should not stay into an empty file system."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    stdlib = root / "usr/local/lib" / version
    shutil.copytree(sysconfig.get_path("stdlib"), stdlib, symlinks=True, ignore=_LEFT_OUT)
    interpreter = Path(sys.executable).resolve()
    _place(interpreter, root / "usr/local/bin" / version)
    (root / "usr/local/bin/python3").symlink_to(version)
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    for library in set(_libraries([interpreter, *stdlib.glob("lib-dynload/*.so")])):
        _place(library.resolve(), root / "usr/lib" / library.name)
    loader = _loader(interpreter)
    if not (root / loader.relative_to("/")).exists():
        _place(loader.resolve(), root / loader.relative_to("/"))
    _add_what_should_not_stay(root, stdlib)


def _add_what_should_not_stay(root: Path, stdlib: Path) -> None:
    for name in INSTALLERS:
        _write(root / name, "#!/bin/false\n", 0o755)
    _write(root / DATABASE, "P:musl\n", 0o644)
    _write(root / "usr/bin/su", "#!/bin/false\n", 0o4755)
    _write(stdlib / "site-packages/pip/__init__.py", "", 0o644)
    _write(stdlib / "__pycache__/stale.pyc", "", 0o644)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    for name in ("proc", "dev", "run", "root", "etc"):
        (root / name).mkdir(exist_ok=True)


def _libraries(programs: Iterable[Path]) -> Iterator[Path]:
    """The shared libraries that programs and modules need, as the dynamic loader finds them here."""
    done = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, timeout=60, check=False)
    for found in re.findall(r"=> (/\S+)", done.stdout):
        yield Path(found)


def _loader(program: Path) -> Path:
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, timeout=60, check=True)
    return Path(re.findall(r"^\s+(/\S*ld-\S+)", done.stdout, re.MULTILINE)[0])


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
