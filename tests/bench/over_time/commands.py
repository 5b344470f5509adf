"""The command line as people use it, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

OVER_TIME = Path(__file__).parents[3] / "scenarios" / "over-time"


def measured(command: str, scenario: Path, *words: str) -> Json:
    """The record of a ``run`` or a ``watch``. Raises RuntimeError when it has none."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "record.json"
        argv = [sys.executable, "-m", "probe", command, str(scenario), *words, "-o", f"json={out}", "--quiet"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if not out.exists():
            raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr}")
        record: Json = json.loads(out.read_text())
        return record


def order(sandbox: str, *words: str) -> str:
    """A command that disturbs a sandbox and says when, as JSON."""
    return f"{sys.executable} -m probe sandbox {' '.join(words)} --name {sandbox} -o json"


def cell_name(cell: Json) -> str:
    """``shop/api -> shop/web 80/TCP``."""
    return f"{cell['source']} -> {cell['destination']} {cell['port']}/{cell['protocol']}"
