"""The sandbox's Kubernetes API server, on aiohttp.web.

A server of our own, because what exists does not carry the weight: kmock 0.8 was looked at, and it has no exec, no
strategic merge patch and no server-side apply, all of which kubectl and the orchestrator use.

    app          routes, errors as Status                        credentials  certificates, kubeconfig
    auth/        users, impersonation, RBAC                      tokens, accounts  of service accounts; reviews
    handlers     from an HTTP request to a verb                  resources    what is served, a row each
    reads, watch, writes                                         kinds        the shapes of the objects
    entry        the way of a new object into the store          admission/   what is done to it, and asked, on the way
    apply, patch_json, patch_strategic                           rules/       defaults and validation of each kind
    forms, tables, columns, events_v1                            discovery, openapi, protobuf
    exec, logs, podverbs                                         pods' own subresources
"""
