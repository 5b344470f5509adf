"""The commands. Each is a thin module of its own: ``NAME``, ``HELP``, ``add_arguments(parser)``, ``run(args)``.

Modules are imported only when their command is called, so that ``--help`` and ``validate`` stay fast.
"""

from probe.cli.main import main

__all__ = ["main"]
