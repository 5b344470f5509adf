"""The sandbox's Kubernetes API server, on aiohttp.web.

A server of our own, because what exists does not carry the weight: kmock 0.8 was looked at, and it has no exec, no
strategic merge patch and no server-side apply, all of which kubectl and the orchestrator use.

    app          routes, authentication, errors as Status        credentials  certificates, token, kubeconfig
    handlers     from an HTTP request to a verb                  resources    what is served, a row each
    reads, watch, writes                                         kinds        the shapes of the objects
    apply, patch_json, patch_strategic                           rules/       defaults and validation of each kind
    forms, tables                                                discovery, openapi
    exec, logs, podverbs                                         pods' own subresources
"""
