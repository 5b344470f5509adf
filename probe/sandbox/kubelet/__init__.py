"""The kubelets: pods that are bound to a node become network namespaces and processes, and their status is kept.

    controller   follows the store's pods, one worker each; the API's `Runtime`
    pod          one pod's life: network, volumes, containers, graceful end
    container    one container: start, readiness, restarts, states
    session      exec: a process in a running container, with or without a terminal
    status, spec, events, logs, nodes    what they write and read, without processes
    outside      external endpoints: hosts outside the cluster

One image can run, the agent's, since there is no container runtime here; what differs from a real kubelet is said
where it differs.
"""
