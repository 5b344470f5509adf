"""The kinds that kubectl sends in protobuf, by the field numbers of Kubernetes' ``generated.proto`` files."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from probe.sandbox.api.protobuf_read import (
    MapField,
    Message,
    Nested,
    Repeated,
    amount,
    base64_text,
    boolean,
    ignored,
    int_or_string,
    number,
    raw_bytes,
    text,
)

_LABELS: Final = MapField(text)
_NAMES: Final = Repeated(text)
ENVELOPE: Final[Message] = {
    1: ("typeMeta", Nested({1: ("apiVersion", text), 2: ("kind", text)})),
    2: ("raw", raw_bytes),
    3: ("contentEncoding", text),
    4: ("contentType", text),
}
_META: Final = Nested(
    {
        1: ("name", text),
        2: ("generateName", text),
        3: ("namespace", text),
        4: ("selfLink", text),
        5: ("uid", text),
        6: ("resourceVersion", text),
        7: ("generation", number),
        8: ("creationTimestamp", ignored),
        9: ("deletionTimestamp", ignored),
        10: ("deletionGracePeriodSeconds", number),
        11: ("labels", _LABELS),
        12: ("annotations", _LABELS),
        14: ("finalizers", _NAMES),
    }
)
_REFERENCE: Final = Nested({1: ("kind", text), 2: ("namespace", text), 3: ("name", text), 4: ("uid", text)})
_SERVICE_PORT: Final = Nested(
    {
        1: ("name", text),
        2: ("protocol", text),
        3: ("port", number),
        4: ("targetPort", int_or_string),
        5: ("nodePort", number),
        6: ("appProtocol", text),
    }
)
_SERVICE_SPEC: Final = Nested(
    {
        1: ("ports", Repeated(_SERVICE_PORT)),
        2: ("selector", _LABELS),
        3: ("clusterIP", text),
        4: ("type", text),
        5: ("externalIPs", _NAMES),
        7: ("sessionAffinity", text),
        8: ("loadBalancerIP", text),
        9: ("loadBalancerSourceRanges", _NAMES),
        10: ("externalName", text),
        11: ("externalTrafficPolicy", text),
        12: ("healthCheckNodePort", number),
        13: ("publishNotReadyAddresses", boolean),
        17: ("ipFamilyPolicy", text),
        18: ("clusterIPs", _NAMES),
        19: ("ipFamilies", _NAMES),
        20: ("allocateLoadBalancerNodePorts", boolean),
        21: ("loadBalancerClass", text),
        22: ("internalTrafficPolicy", text),
        23: ("trafficDistribution", text),
    }
)
_ATTRIBUTES: Final = Nested(
    {
        1: ("namespace", text),
        2: ("verb", text),
        3: ("group", text),
        4: ("version", text),
        5: ("resource", text),
        6: ("subresource", text),
        7: ("name", text),
    }
)
_RULES: Final = Repeated(
    Nested(
        {
            1: ("verbs", _NAMES),
            2: ("apiGroups", _NAMES),
            3: ("resources", _NAMES),
            4: ("resourceNames", _NAMES),
            5: ("nonResourceURLs", _NAMES),
        }
    )
)
_BOUND: Final = Nested({1: ("kind", text), 2: ("apiVersion", text), 3: ("name", text), 4: ("uid", text)})
_AMOUNTS: Final = MapField(amount)
_SELECTOR: Final = Nested(
    {
        1: ("matchLabels", _LABELS),
        2: (
            "matchExpressions",
            Repeated(Nested({1: ("key", text), 2: ("operator", text), 3: ("values", _NAMES)})),
        ),
    }
)
_CONTAINER: Final = Nested(
    {
        1: ("name", text),
        2: ("image", text),
        3: ("command", _NAMES),
        4: ("args", _NAMES),
        5: ("workingDir", text),
        6: (
            "ports",
            Repeated(
                Nested(
                    {
                        1: ("name", text),
                        2: ("hostPort", number),
                        3: ("containerPort", number),
                        4: ("protocol", text),
                        5: ("hostIP", text),
                    }
                )
            ),
        ),
        8: ("resources", Nested({})),
        13: ("terminationMessagePath", text),
        14: ("imagePullPolicy", text),
        16: ("stdin", boolean),
        17: ("stdinOnce", boolean),
        18: ("tty", boolean),
        20: ("terminationMessagePolicy", text),
    }
)
_POD_SPEC: Final = Nested(
    {
        2: ("containers", Repeated(_CONTAINER)),
        3: ("restartPolicy", text),
        6: ("dnsPolicy", text),
        8: ("serviceAccountName", text),
        9: ("serviceAccount", text),
        10: ("nodeName", text),
        11: ("hostNetwork", boolean),
        12: ("hostPID", boolean),
        13: ("hostIPC", boolean),
        16: ("hostname", text),
        17: ("subdomain", text),
        19: ("schedulerName", text),
        24: ("priorityClassName", text),
    }
)
_TEMPLATE: Final = Nested({1: ("metadata", _META), 2: ("spec", _POD_SPEC)})
_ROLE: Final[Message] = {
    1: ("metadata", _META),
    2: ("rules", _RULES),
    3: ("aggregationRule", Nested({1: ("clusterRoleSelectors", Repeated(_SELECTOR))})),
}
_BINDING: Final[Message] = {
    1: ("metadata", _META),
    2: (
        "subjects",
        Repeated(Nested({1: ("kind", text), 2: ("apiGroup", text), 3: ("name", text), 4: ("namespace", text)})),
    ),
    3: ("roleRef", Nested({1: ("apiGroup", text), 2: ("kind", text), 3: ("name", text)})),
}
_PRECONDITIONS: Final = Nested({1: ("uid", text), 2: ("resourceVersion", text)})
_DELETE_OPTIONS: Final[Message] = {
    1: ("gracePeriodSeconds", number),
    2: ("preconditions", _PRECONDITIONS),
    3: ("orphanDependents", boolean),
    4: ("propagationPolicy", text),
    5: ("dryRun", _NAMES),
}
KINDS: Final[Mapping[str, Message]] = MappingProxyType(
    {
        "Namespace": {
            1: ("metadata", _META),
            2: ("spec", Nested({1: ("finalizers", _NAMES)})),
            3: ("status", ignored),
        },
        "ConfigMap": {
            1: ("metadata", _META),
            2: ("data", _LABELS),
            3: ("binaryData", MapField(base64_text)),
            4: ("immutable", boolean),
        },
        "Secret": {
            1: ("metadata", _META),
            2: ("data", MapField(base64_text)),
            3: ("type", text),
            4: ("stringData", _LABELS),
            5: ("immutable", boolean),
        },
        "ServiceAccount": {
            1: ("metadata", _META),
            2: ("secrets", Repeated(_REFERENCE)),
            3: ("imagePullSecrets", Repeated(Nested({1: ("name", text)}))),
            4: ("automountServiceAccountToken", boolean),
        },
        "Service": {1: ("metadata", _META), 2: ("spec", _SERVICE_SPEC), 3: ("status", ignored)},
        "Job": {
            1: ("metadata", _META),
            2: (
                "spec",
                Nested(
                    {
                        1: ("parallelism", number),
                        2: ("completions", number),
                        4: ("selector", _SELECTOR),
                        6: ("template", _TEMPLATE),
                        7: ("backoffLimit", number),
                    }
                ),
            ),
            3: ("status", ignored),
        },
        "Deployment": {
            1: ("metadata", _META),
            2: (
                "spec",
                Nested(
                    {
                        1: ("replicas", number),
                        2: ("selector", _SELECTOR),
                        3: ("template", _TEMPLATE),
                        4: ("strategy", ignored),
                        5: ("minReadySeconds", number),
                        7: ("paused", boolean),
                    }
                ),
            ),
            3: ("status", ignored),
        },
        "TokenRequest": {
            1: ("metadata", _META),
            2: (
                "spec",
                Nested({1: ("audiences", _NAMES), 3: ("boundObjectRef", _BOUND), 4: ("expirationSeconds", number)}),
            ),
            3: ("status", ignored),
        },
        "ResourceQuota": {
            1: ("metadata", _META),
            2: ("spec", Nested({1: ("hard", _AMOUNTS), 2: ("scopes", _NAMES)})),
            3: ("status", ignored),
        },
        "PriorityClass": {
            1: ("metadata", _META),
            2: ("value", number),
            3: ("globalDefault", boolean),
            4: ("description", text),
            5: ("preemptionPolicy", text),
        },
        "Role": _ROLE,
        "ClusterRole": _ROLE,
        "RoleBinding": _BINDING,
        "ClusterRoleBinding": _BINDING,
        "SelfSubjectAccessReview": {
            1: ("metadata", _META),
            2: (
                "spec",
                Nested(
                    {
                        1: ("resourceAttributes", _ATTRIBUTES),
                        2: ("nonResourceAttributes", Nested({1: ("path", text), 2: ("verb", text)})),
                    }
                ),
            ),
            3: ("status", ignored),
        },
        "SelfSubjectRulesReview": {
            1: ("metadata", _META),
            2: ("spec", Nested({1: ("namespace", text)})),
            3: ("status", ignored),
        },
        "SelfSubjectReview": {1: ("metadata", _META), 2: ("status", ignored)},
        "Eviction": {1: ("metadata", _META), 2: ("deleteOptions", Nested(_DELETE_OPTIONS))},
        "DeleteOptions": _DELETE_OPTIONS,
    }
)
