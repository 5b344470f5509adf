"""``matrix:`` -> one scenario, or one step, for each combination of values, as in the workflows of GitHub Actions.

It works on a document, with its places, before that is read: nothing after this knows that a matrix was there, and
a mistake is told where it was written. ``values`` reads a matrix, ``substitute`` puts its values where a reference
(``${{ matrix.NAME }}``) stands, ``expand`` makes the documents, and ``told`` keeps their mistakes few.
"""

from probe.scenario.matrix.expand import Member, expand
from probe.scenario.matrix.told import told_once

__all__ = ["Member", "expand", "told_once"]
