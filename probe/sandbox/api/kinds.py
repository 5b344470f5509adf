"""The shapes of the kinds served, from the Kubernetes API reference.

Fields that matter to nobody here (volume sources, affinity terms, probes) are accepted as they come.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from probe.sandbox.api.schema import (
    AMOUNT,
    ANY,
    BOOL,
    INT,
    INT_OR_STR,
    LABELS,
    STR,
    STRINGS,
    Fields,
    ListOf,
    MapOf,
    Shape,
    keyed,
    struct,
)  # fmt: skip

METADATA: Final = struct(
    name=STR, generateName=STR, namespace=STR, selfLink=STR, uid=STR, resourceVersion=STR, generation=INT,
    creationTimestamp=STR, deletionTimestamp=STR, deletionGracePeriodSeconds=INT,
    labels=LABELS, annotations=LABELS,
    finalizers=ListOf(STR, "", ()),
    ownerReferences=keyed(ANY, "uid"),
    managedFields=ListOf(ANY),
)  # fmt: skip

# A selector is one thought: server-side apply never mixes two managers' halves of it.
SELECTOR: Final = struct(
    atomic=True,
    matchLabels=LABELS,
    matchExpressions=ListOf(struct(key=STR, operator=STR, values=STRINGS)),
)
CONDITIONS: Final = keyed(ANY, "type")
REFERENCE: Final = struct(
    atomic=True, apiVersion=STR, fieldPath=STR, kind=STR, name=STR, namespace=STR, resourceVersion=STR, uid=STR
)  # fmt: skip
LOCAL_REFERENCES: Final = keyed(struct(name=STR), "name")


def _kind(**fields: Shape) -> Fields:
    return Fields({"apiVersion": STR, "kind": STR, "metadata": METADATA, **fields})


_POLICY_PEERS: Final = ListOf(
    struct(
        podSelector=SELECTOR,
        namespaceSelector=SELECTOR,
        ipBlock=Fields({"cidr": STR, "except": STRINGS}),
    )
)
_POLICY_PORTS: Final = ListOf(struct(protocol=STR, port=INT_OR_STR, endPort=INT))

# network-policy-api: of all three kinds the lists are atomic but for those of strings, which are sets.
_SET: Final = ListOf(STR, "", ())
_NAMESPACED_POD: Final = struct(namespaceSelector=SELECTOR, podSelector=SELECTOR)
_SUBJECT: Final = struct(namespaces=SELECTOR, pods=_NAMESPACED_POD)
_DESTINATION: Final = struct(destinationPort=struct(number=INT, range=struct(start=INT, end=INT)))
_PROTOCOLS: Final = ListOf(struct(tcp=_DESTINATION, udp=_DESTINATION, sctp=_DESTINATION, destinationNamedPort=STR))
_OLD_PORTS: Final = ListOf(
    struct(portNumber=struct(protocol=STR, port=INT), portRange=struct(protocol=STR, start=INT, end=INT), namedPort=STR)
)
_INGRESS_PEERS: Final = ListOf(struct(namespaces=SELECTOR, pods=_NAMESPACED_POD))
_EGRESS_PEERS: Final = ListOf(
    struct(namespaces=SELECTOR, pods=_NAMESPACED_POD, nodes=SELECTOR, networks=_SET, domainNames=_SET)
)
_BASELINE_EGRESS_PEERS: Final = ListOf(struct(namespaces=SELECTOR, pods=_NAMESPACED_POD, nodes=SELECTOR, networks=_SET))


def _cluster_policy(peers: Shape, ports_field: str, ports: Shape, **place: Shape) -> Fields:
    """``peers``: of egress rules. ``place``: the policy's place among others."""
    rule: dict[str, Shape] = {"name": STR, "action": STR, ports_field: ports}
    spec: dict[str, Shape] = {
        **place,
        "subject": _SUBJECT,
        "ingress": ListOf(Fields({**rule, "from": _INGRESS_PEERS})),
        "egress": ListOf(Fields({**rule, "to": peers})),
    }
    return _kind(spec=Fields(spec), status=struct(conditions=CONDITIONS))


_AMOUNTS: Final = MapOf(AMOUNT)
_CONTAINER: Final = struct(
    name=STR, image=STR, imagePullPolicy=STR, workingDir=STR, command=STRINGS, args=STRINGS,
    ports=ListOf(
        struct(name=STR, containerPort=INT, hostPort=INT, hostIP=STR, protocol=STR),
        "containerPort",
        ("containerPort", "protocol"),
    ),
    env=keyed(struct(name=STR, value=STR, valueFrom=ANY), "name"),
    envFrom=ListOf(ANY),
    resources=struct(limits=_AMOUNTS, requests=_AMOUNTS, claims=ListOf(ANY)),
    resizePolicy=ListOf(ANY),
    restartPolicy=STR,
    volumeMounts=keyed(
        struct(
            name=STR, mountPath=STR, subPath=STR, subPathExpr=STR, readOnly=BOOL, mountPropagation=STR,
            recursiveReadOnly=STR,
        ),
        "mountPath",
    ),
    volumeDevices=ListOf(ANY, "devicePath"),
    livenessProbe=ANY, readinessProbe=ANY, startupProbe=ANY, lifecycle=ANY,
    securityContext=struct(
        allowPrivilegeEscalation=BOOL, appArmorProfile=ANY, capabilities=struct(add=STRINGS, drop=STRINGS),
        privileged=BOOL, procMount=STR, readOnlyRootFilesystem=BOOL, runAsGroup=INT, runAsNonRoot=BOOL, runAsUser=INT,
        seLinuxOptions=ANY, seccompProfile=struct(type=STR, localhostProfile=STR), windowsOptions=ANY,
    ),
    stdin=BOOL, stdinOnce=BOOL, tty=BOOL, terminationMessagePath=STR, terminationMessagePolicy=STR,
)  # fmt: skip

_POD_SPEC: Final = struct(
    containers=keyed(_CONTAINER, "name"),
    initContainers=keyed(_CONTAINER, "name"),
    ephemeralContainers=keyed(ANY, "name"),
    volumes=keyed(ANY, "name"),
    activeDeadlineSeconds=INT, affinity=ANY, automountServiceAccountToken=BOOL, dnsConfig=ANY, dnsPolicy=STR,
    enableServiceLinks=BOOL,
    hostAliases=keyed(struct(ip=STR, hostnames=STRINGS), "ip"),
    hostIPC=BOOL, hostNetwork=BOOL, hostPID=BOOL, hostUsers=BOOL, hostname=STR, imagePullSecrets=LOCAL_REFERENCES,
    nodeName=STR,
    nodeSelector=MapOf(STR, atomic=True),
    os=ANY, overhead=ANY, preemptionPolicy=STR, priority=INT, priorityClassName=STR, readinessGates=ListOf(ANY),
    resourceClaims=ListOf(ANY, "name", ("name",)), resources=ANY, restartPolicy=STR, runtimeClassName=STR,
    schedulerName=STR, schedulingGates=keyed(ANY, "name"),
    securityContext=struct(
        appArmorProfile=ANY, fsGroup=INT, fsGroupChangePolicy=STR, runAsGroup=INT, runAsNonRoot=BOOL, runAsUser=INT,
        seLinuxChangePolicy=STR, seLinuxOptions=ANY, seccompProfile=struct(type=STR, localhostProfile=STR),
        supplementalGroups=ListOf(INT), supplementalGroupsPolicy=STR,
        sysctls=ListOf(struct(name=STR, value=STR)), windowsOptions=ANY,
    ),
    serviceAccount=STR, serviceAccountName=STR, setHostnameAsFQDN=BOOL, shareProcessNamespace=BOOL, subdomain=STR,
    terminationGracePeriodSeconds=INT,
    tolerations=ListOf(struct(key=STR, operator=STR, value=STR, effect=STR, tolerationSeconds=INT)),
    topologySpreadConstraints=ListOf(ANY, "topologyKey", ("topologyKey", "whenUnsatisfiable")),
)  # fmt: skip

_TEMPLATE: Final = struct(metadata=METADATA, spec=_POD_SPEC)
_SERVICE_SPEC: Final = struct(
    selector=MapOf(STR, atomic=True),
    ports=ListOf(
        struct(name=STR, protocol=STR, appProtocol=STR, port=INT, targetPort=INT_OR_STR, nodePort=INT),
        "port",
        ("port", "protocol"),
    ),
    type=STR, clusterIP=STR, clusterIPs=STRINGS, ipFamilies=STRINGS, ipFamilyPolicy=STR, externalIPs=STRINGS,
    externalName=STR, externalTrafficPolicy=STR, internalTrafficPolicy=STR, healthCheckNodePort=INT,
    allocateLoadBalancerNodePorts=BOOL, loadBalancerClass=STR, loadBalancerIP=STR, loadBalancerSourceRanges=STRINGS,
    publishNotReadyAddresses=BOOL, sessionAffinity=STR, sessionAffinityConfig=ANY, trafficDistribution=STR,
)  # fmt: skip

_EVENT: Final = _kind(
    involvedObject=REFERENCE, related=REFERENCE, reason=STR, message=STR, source=ANY, firstTimestamp=STR,
    lastTimestamp=STR, count=INT, type=STR, eventTime=STR, series=ANY, action=STR, reportingComponent=STR,
    reportingInstance=STR,
)  # fmt: skip


_RULES: Final = ListOf(
    struct(verbs=STRINGS, apiGroups=STRINGS, resources=STRINGS, resourceNames=STRINGS, nonResourceURLs=STRINGS)
)
_BINDING: Final = _kind(
    subjects=ListOf(struct(kind=STR, apiGroup=STR, name=STR, namespace=STR)),
    roleRef=struct(atomic=True, apiGroup=STR, kind=STR, name=STR),
)

KINDS: Final[Mapping[str, Fields]] = MappingProxyType(
    {
        "Namespace": _kind(
            spec=struct(finalizers=STRINGS), status=struct(phase=STR, conditions=CONDITIONS)
        ),
        "Pod": _kind(
            spec=_POD_SPEC,
            status=struct(
                phase=STR, conditions=CONDITIONS, message=STR, reason=STR, nominatedNodeName=STR, hostIP=STR, podIP=STR,
                hostIPs=ListOf(ANY, "ip"), podIPs=keyed(ANY, "ip"), startTime=STR, initContainerStatuses=ListOf(ANY),
                containerStatuses=ListOf(ANY), ephemeralContainerStatuses=ListOf(ANY), qosClass=STR, resize=STR,
                observedGeneration=INT,
            ),
        ),
        "Service": _kind(spec=_SERVICE_SPEC, status=struct(conditions=CONDITIONS, loadBalancer=ANY)),
        "Node": _kind(
            spec=struct(
                podCIDR=STR, podCIDRs=ListOf(STR, "", ()), providerID=STR, unschedulable=BOOL, configSource=ANY,
                externalID=STR,
                taints=ListOf(struct(key=STR, value=STR, effect=STR, timeAdded=STR), "key"),
            ),
            status=struct(
                capacity=ANY, allocatable=ANY, phase=STR, conditions=CONDITIONS, addresses=keyed(ANY, "type"),
                daemonEndpoints=ANY, nodeInfo=ANY, images=ListOf(ANY), volumesInUse=ANY, volumesAttached=ANY,
                config=ANY, runtimeHandlers=ANY, features=ANY,
            ),
        ),
        "ConfigMap": _kind(data=LABELS, binaryData=LABELS, immutable=BOOL),
        "Secret": _kind(data=LABELS, stringData=LABELS, type=STR, immutable=BOOL),
        "ServiceAccount": _kind(
            secrets=ListOf(REFERENCE, "name", ("name",)),
            imagePullSecrets=ListOf(struct(name=STR)),
            automountServiceAccountToken=BOOL,
        ),
        "Endpoints": _kind(subsets=ListOf(ANY)),
        "Event": _EVENT,
        "Event.events.k8s.io": _kind(
            regarding=REFERENCE, related=REFERENCE, reason=STR, note=STR, type=STR, action=STR, eventTime=STR,
            series=ANY, reportingController=STR, reportingInstance=STR, deprecatedSource=ANY,
            deprecatedFirstTimestamp=STR, deprecatedLastTimestamp=STR, deprecatedCount=INT,
        ),
        "NetworkPolicy": _kind(
            spec=struct(
                podSelector=SELECTOR,
                policyTypes=STRINGS,
                ingress=ListOf(struct(from_=_POLICY_PEERS, ports=_POLICY_PORTS)),
                egress=ListOf(struct(to=_POLICY_PEERS, ports=_POLICY_PORTS)),
            )
        ),
        "ClusterNetworkPolicy": _cluster_policy(_EGRESS_PEERS, "protocols", _PROTOCOLS, tier=STR, priority=INT),
        "AdminNetworkPolicy": _cluster_policy(_EGRESS_PEERS, "ports", _OLD_PORTS, priority=INT),
        "BaselineAdminNetworkPolicy": _cluster_policy(_BASELINE_EGRESS_PEERS, "ports", _OLD_PORTS),
        "EndpointSlice": _kind(addressType=STR, endpoints=ListOf(ANY), ports=ListOf(ANY)),
        "Lease": _kind(spec=ANY),
        "ExternalEndpoint": _kind(
            spec=struct(addresses=STRINGS, ports=ListOf(struct(port=INT, protocol=STR, name=STR))),
            status=struct(ready=BOOL, responder=STR, message=STR),
        ),
        "ResourceQuota": _kind(
            spec=struct(hard=_AMOUNTS, scopes=STRINGS, scopeSelector=ANY), status=struct(hard=_AMOUNTS, used=_AMOUNTS)
        ),
        "LimitRange": _kind(
            spec=struct(
                limits=ListOf(
                    struct(
                        type=STR, max=_AMOUNTS, min=_AMOUNTS, default=_AMOUNTS, defaultRequest=_AMOUNTS,
                        maxLimitRequestRatio=_AMOUNTS,
                    )
                )
            )
        ),
        "PriorityClass": _kind(value=INT, globalDefault=BOOL, description=STR, preemptionPolicy=STR),
        "RuntimeClass": _kind(handler=STR, overhead=ANY, scheduling=ANY),
        "ValidatingWebhookConfiguration": _kind(
            webhooks=keyed(
                struct(
                    name=STR, admissionReviewVersions=STRINGS, clientConfig=ANY, failurePolicy=STR,
                    matchConditions=ListOf(ANY), matchPolicy=STR, namespaceSelector=SELECTOR, objectSelector=SELECTOR,
                    sideEffects=STR, timeoutSeconds=INT,
                    rules=ListOf(
                        struct(apiGroups=STRINGS, apiVersions=STRINGS, operations=STRINGS, resources=STRINGS, scope=STR)
                    ),
                ),
                "name",
            )
        ),
        "Job": _kind(
            spec=struct(
                activeDeadlineSeconds=INT, backoffLimit=INT, backoffLimitPerIndex=INT, completionMode=STR,
                completions=INT, managedBy=STR, manualSelector=BOOL, maxFailedIndexes=INT, parallelism=INT,
                podFailurePolicy=ANY, podReplacementPolicy=STR, selector=SELECTOR, successPolicy=ANY, suspend=BOOL,
                template=_TEMPLATE, ttlSecondsAfterFinished=INT,
            ),
            status=ANY,
        ),
        "Deployment": _kind(
            spec=struct(
                minReadySeconds=INT, paused=BOOL, progressDeadlineSeconds=INT, replicas=INT, revisionHistoryLimit=INT,
                selector=SELECTOR, strategy=ANY, template=_TEMPLATE,
            ),
            status=ANY,
        ),
        "DaemonSet": _kind(
            spec=struct(
                minReadySeconds=INT, revisionHistoryLimit=INT, selector=SELECTOR, template=_TEMPLATE, updateStrategy=ANY
            ),
            status=ANY,
        ),
        "CustomResourceDefinition": _kind(spec=ANY, status=ANY),
        "Role": _kind(rules=_RULES),
        "ClusterRole": _kind(rules=_RULES, aggregationRule=struct(clusterRoleSelectors=ListOf(SELECTOR))),
        "RoleBinding": _BINDING,
        "ClusterRoleBinding": _BINDING,
        "SubjectAccessReview": _kind(spec=ANY, status=ANY),
        "LocalSubjectAccessReview": _kind(spec=ANY, status=ANY),
        "SelfSubjectAccessReview": _kind(spec=ANY, status=ANY),
        "SelfSubjectRulesReview": _kind(spec=ANY, status=ANY),
        "TokenReview": _kind(spec=ANY, status=ANY),
        "SelfSubjectReview": _kind(status=ANY),
    }
)  # fmt: skip
