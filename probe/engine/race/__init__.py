"""``start-race``: the first moments of pods, under policies that are in force already.

lines    what is tried: ports, over each address family that the pods have
ears     the series of agents that try or listen, and what was read of them
race     creates the pods, has them and their peers try, proves their silence, and removes them
moments  what a series says: what got through, for how long, or how long it took
results  distributions and verdicts
"""
