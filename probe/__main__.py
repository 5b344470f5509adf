"""``python -m probe`` is ``cni-probe``."""

import sys

from probe.cli import main

sys.exit(main())
