"""YAML text -> documents with positions, and every mistake in it as a problem.

PyYAML alone drops positions, takes the last of duplicate keys silently, reads YAML 1.1's booleans, and expands
aliases without a bound. Its scanner, parser and composer are used; values are built here.

Our own files are read strictly: what some reader would take for something else is a problem wherever it stands. Files
that were written for others are read tolerantly: then it is a document's ``Doubt``, for the reader of that field to
judge; the value is what YAML 1.2 says, and of duplicate keys the last counts, as for most readers.

read     the way from a file to documents
nodes    text to PyYAML's nodes
values   nodes to values with positions
scalars  what a plain scalar means
"""

from probe.scenario.yaml.read import Reading, decode_yaml, parse_yaml, read_yaml

__all__ = ["Reading", "decode_yaml", "parse_yaml", "read_yaml"]
