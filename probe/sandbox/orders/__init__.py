"""Disturbances on order: what happens to a cluster that is upgraded, drained or broken, of known kind and length.

    disturb   what can be done to a running sandbox, inside of it
    server    takes orders, in PID 1
    client    gives them, from the host

An order is a JSON object and so is its answer, one message each over a Unix socket in the sandbox's state directory:
it works with the API server away, and needs no right but the user's own.
"""
