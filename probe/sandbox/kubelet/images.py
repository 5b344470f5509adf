"""Images: which the sandbox has, and what a kubelet says about those that it cannot pull."""

from __future__ import annotations

from typing import Final

RUNNABLE: Final = ("cni-probe-agent", "cni-probe-dns", "python")
"""What an image's name, the last part of its repository, begins with. All run on the host's files."""

AGENT_COMMAND: Final = ("python3", "-m", "cni_probe_agent")
"""The agent image's entry point."""
PYTHON_COMMAND: Final = ("python3",)

FIRST_PULL_BACK_OFF, LONGEST_PULL_BACK_OFF = 1.0, 10.0
"""Seconds between attempts, doubling; a kubelet's 10 s to 5 min would only make a test wait."""


def is_runnable(image: str) -> bool:
    """Whether the sandbox has the image, in any registry, tag or digest."""
    return _name(image).startswith(RUNNABLE)


def default_command(image: str) -> tuple[str, ...]:
    """What the image runs when it is told nothing."""
    return PYTHON_COMMAND if _name(image).startswith("python") else AGENT_COMMAND


def pull_error(image: str) -> str:
    """Why the image cannot be had, as a container runtime says it, and what would do."""
    full = _in_full(image)
    names = ", ".join(f"{name}*" for name in RUNNABLE if name != "cni-probe-dns")
    return (
        f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": {full}: not found '
        f"(the sandbox pulls nothing: it has images named {names})"
    )


def _name(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _in_full(image: str) -> str:
    """With the registry and tag that a short name leaves out."""
    first, slash, _ = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif "." not in first and ":" not in first and first != "localhost":
        image = f"docker.io/{image}"
    return image if "@" in image or ":" in image.rpartition("/")[2] else f"{image}:latest"
