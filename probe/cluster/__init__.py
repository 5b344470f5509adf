"""The port to a cluster: what the engine needs of Kubernetes, over the official client.

One code path for every cluster: the embedded sandbox serves the same API, and nothing here can tell it apart.
Raw JSON goes in and out (typed models cost a second of import and 80 MB), errors are ours (``ClusterError``).
"""
