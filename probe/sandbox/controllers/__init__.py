"""The loops that make objects come true: namespaces, service accounts, endpoints, scheduling.

Each follows the store and writes to the store; none knows of HTTP.
"""
