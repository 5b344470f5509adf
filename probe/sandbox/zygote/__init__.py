"""The fork server that containers come from.

A lean process (standard library only) that has the agent imported and forks once per container and per exec: a
container starts in milliseconds, and all agents share the interpreter's and the agent's memory.

    protocol   the messages between sandbox and zygote, over one SOCK_SEQPACKET pair
    __main__   the zygote's loop: requests in, children reaped, exits out
    child      what a forked child does before it is the container's process
    client     the sandbox's side, on asyncio
"""
