"""The cluster's DNS: a pod like any other, which answers for services and headless pods, and is policed like any other.

zone      which names there are, as a file that goes from the sandbox into the pod
message   questions and answers as bytes (RFC 1035)
server    UDP and TCP port 53; with ``message`` and ``zone`` what runs in the pod, standard library only
addon     the sandbox's side: the service, the pod, and the zone kept current
"""
