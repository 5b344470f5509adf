"""Watching an established step over time: agents probe on their own, and what they saw is put on one clock and judged.

options    what a watch is told
pace       how often each cell is tried, within a bound on the load
collector  reads the series of one agent, through broken streams and an API server that is away
clock      brings an agent's time to ours, with a bound on the error
lane       what was seen of one cell, in order
spans      leaks, outages and gaps of a lane
judge      verdicts within a budget
follower   what happens to pods, nodes and DaemonSets of the cluster meanwhile
command    the command that runs meanwhile
watch      all of it together
"""
