"""What can be told before anything is created: whether a run can work on this cluster, and what would disturb it.

look         fetches everything at once, as JSON; what may not be seen is ``Unseen``, never an error
demand       what a run is going to ask for
the others   judge: pure functions from what was seen to findings, one subject a module
doctor       all of it; ``quick`` is the part that costs a run nothing
trial        the only one that creates something, and only when asked to: one pod in a namespace of its own
"""
