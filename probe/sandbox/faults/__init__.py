"""Enforcement that is broken on purpose, each in one way in which a real network plugin once was.

``fault.Fault`` is the interface, also for faults of one's own (``--fault path/to/file.py:ClassName``); ``registry`` has
all that ship. A fault changes what a node believes of the cluster, what it makes of that, or when it takes effect.
"""
