"""Enforcement: what policies of all kinds and Services say, done by the kernels of the nodes.

``controller.Enforcement`` is what the sandbox runs. It shares no reading of the specification with ``probe.policy``, so
that each can find the other's errors.
"""
