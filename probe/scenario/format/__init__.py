"""The scenario file format, version ``cni-probe/v1``: the structure that a document must have.

Only structure: whether names exist and rules match is ``probe.scenario.build``'s matter. The descriptions of the fields
are the reference that the JSON Schema carries into editors.

strict       what all parts have in common, and what stands for an item that was wrong
values       globs, ports, durations and other values, with their short spellings
selection    which cells, or which connections
fleet        namespaces, pods and endpoints outside
expect       rules and truth tables
matrix       lists of values to combine
established  connections that are followed through a step
start_race   pods in their first moments
step         changes, and what is expected after them
watching     how a scenario is watched over time
document     all of it together: the documents, and their versions and kinds
"""
