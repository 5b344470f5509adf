"""The environment of a command that we run for somebody: its ``kubectl`` meets the cluster that our arguments name.

A context is chosen by a file of its own, which says nothing but ``current-context`` and stands before the others in
``KUBECONFIG``, where the first to say something decides ("Organizing Cluster Access Using kubeconfig Files"). So no
credential is copied, relative paths stay what they are, and what a credential plugin renews is where it was.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def command_environment(args: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Iterator[dict[str, str]]:
    """The environment, for as long as the block lasts. Raises UsageError for a kubeconfig that does not exist."""
    from probe.cluster.kubeconfig import find_kubeconfig

    if not args.context:
        yield dict(environ) | ({"KUBECONFIG": args.kubeconfig} if args.kubeconfig else {})
        return
    files = find_kubeconfig(args.kubeconfig, environ)
    with TemporaryDirectory(prefix="cni-probe-") as folder:  # mode 0700
        chosen = Path(folder) / "context"
        chosen.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": args.context}))
        yield dict(environ) | {"KUBECONFIG": os.pathsep.join(map(str, (chosen, *files)))}
