"""Plain Kubernetes manifests -> a snapshot of what they make, with the place of every field."""

from probe.manifests.model import ManifestObject, ManifestSet
from probe.manifests.read import load_manifests, read_manifests

__all__ = ["ManifestObject", "ManifestSet", "load_manifests", "read_manifests"]
