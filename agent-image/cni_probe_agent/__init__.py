"""The probe agent: listens, dials, and tells what it saw. Standard library only, so that its image stays small.

Importing it has no side effects: the sandbox's fork server imports it once and forks a process per pod.
"""

__version__ = "0.1.0"
