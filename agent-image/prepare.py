"""Run by the image's build: turns the files of a Python base image into those of the agent's image.

Usage: prepare.py ROOT CONTROL. ROOT holds the base's files and the agent's package; CONTROL becomes the parent of the
control socket's directory. Runs the base's own Python, of the platform that builds; nothing in ROOT is run, since that
may be of another platform.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

# Programs that install software. The databases of what is installed stay: scanners for vulnerabilities read them.
INSTALLERS = (
    "apk",
    "apt",
    "apt-*",
    "aptitude",
    "dpkg",
    "dpkg-*",
    "rpm",
    "rpm2*",
    "dnf",
    "microdnf",
    "yum",
    "pip",
    "pip3*",
)
PROGRAMS = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin")
OTHER = ("usr/lib/apt", "usr/lib/dpkg", "var/cache/apk", "var/cache/apt", "var/lib/apt", "root/.cache", "etc/apk/cache")

# Parts of Python that no agent uses: installers, tests, graphics, and what other programs are compiled with.
MODULES = ("ensurepip", "idlelib", "lib2to3", "test", "tkinter", "turtledemo", "config-*")
PACKAGES = ("pip", "pip-*", "setuptools", "setuptools-*", "wheel", "wheel-*", "pkg_resources", "_distutils_hack")

AGENT = "opt/agent"
LAZY = ("encodings.idna", "encodings.ascii", "stringprep")  # what a resolver imports when it is asked


def main(root: Path, control: Path) -> None:
    stdlib = Path(sysconfig.get_path("stdlib"))
    inside = root / stdlib.relative_to("/")
    if not inside.is_dir():
        sys.exit(f"prepare: the base has no {stdlib} for the target platform, as it has for this one")
    for path in superfluous(root, inside):
        remove(path)
    for directory, names, files in os.walk(root):
        if "__pycache__" in names:
            names.remove("__pycache__")
            remove(Path(directory, "__pycache__"))
        for name in files:
            without_privileges(Path(directory, name))
    for module in imported(root / AGENT, stdlib):
        compile_in(root, module)
    for module in (root / AGENT).rglob("*.py"):
        compile_in(root, Path("/", module.relative_to(root)))
    (control / "cni-probe").mkdir(parents=True)


def superfluous(root: Path, stdlib: Path) -> Iterator[Path]:
    """Files and directories that the agent's image does without."""
    for directory in PROGRAMS:
        for name in INSTALLERS:
            yield from (root / directory).glob(name)
    for name in OTHER:
        yield root / name
    for name in MODULES:
        yield from stdlib.glob(name)
    for place in ("site-packages", "dist-packages"):
        for name in PACKAGES:
            yield from (stdlib / place).glob(name)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def without_privileges(path: Path) -> None:
    """No program of the image makes its user somebody else."""
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
        path.chmod(stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID))


def imported(agent: Path, stdlib: Path) -> list[Path]:
    """The modules of the standard library that the agent imports, as this platform's Python finds them."""
    modules = (path.relative_to(agent).with_suffix("") for path in agent.rglob("*.py"))
    names = [".".join(module.parts).removesuffix(".__init__") for module in modules]
    program = (
        "import importlib, sys\n"
        f"sys.path.insert(0, {str(agent)!r})\n"
        f"for name in {[*names, *LAZY]!r}: importlib.import_module(name)\n"
        "print('\\n'.join(str(getattr(module, '__file__', None)) for module in sys.modules.values()))\n"
    )
    done = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, check=True)
    files = {Path(line) for line in done.stdout.splitlines() if line.endswith(".py")}
    return sorted(file for file in files if file.is_relative_to(stdlib))


def compile_in(root: Path, module: Path) -> None:
    """Compile a module now: later the file system is read-only, and every start would compile it again.

    Bytecode does not depend on the platform. It is not compared with its source's time, which copying changes.
    """
    source = root / module.relative_to("/")
    if source.is_file():
        target = importlib.util.cache_from_source(os.fspath(source))
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(os.fspath(source), target, dfile=os.fspath(module), doraise=True, invalidation_mode=mode)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
