"""The sandbox's network: an underlay bridge, nodes, pods and external endpoints, each in a network namespace.

    sandbox netns    underlay (bridge) ── one veth per node, one per external endpoint
    node netns       eth0 on the underlay, routes to the other nodes' pod CIDRs, one veth per pod
    pod netns        eth0, point to point with its node: everything it sends crosses the node's forward hook

No namespace has a name and none of this is visible on the host: file descriptors and processes hold them, and
the kernel takes all of it away with the last of those.

Neighbours are written down (permanent entries) wherever both ends are ours, so the first packet is as fast as
the second and the kernel's neighbour table thresholds, which count learnt entries only, set no limit.
"""
