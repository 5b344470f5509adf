"""Why the API server refused an object, and what to do about it.

The words of admission are those of Kubernetes' own plugins (plugin/pkg/admission, pod-security-admission, the webhook
admission of apiserver); what differs between objects refused for one reason is left out, so that it is said once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from probe.cluster.apierrors import ApiError

_EXEMPT: Final = "exempt namespaces with the label app.kubernetes.io/managed-by=cni-probe"

_OBJECT = re.compile(r'^[\w.]+ "[^"]*" is (?:forbidden|invalid): ')
_QUOTA_USE = re.compile(r"^exceeded quota: ([^,]+), requested: (.+), used: .+, limited: (.+)$")
_UNSTATED = re.compile(r"\b(limits|requests)\.([\w./-]+) for: ")


def refusal_text(error: ApiError) -> str:
    """Cause and advice for a refusal that is known, else the error as it is."""
    message = _OBJECT.sub("", error.message)
    for pattern, words in _KNOWN:
        if pattern.search(message):
            return words(message)
    return str(error)


def _quota_exceeded(message: str) -> str:
    match = _QUOTA_USE.match(message)
    if match:  # without what is used, which grows from one refused pod to the next
        message = f"exceeded quota: {match[1]}, requested: {match[2]}, limited: {match[3]}"
    return f"{message}; raise the quota, {_EXEMPT} from it, or run fewer or smaller pods (--request, --limit)"


def _quota_unstated(message: str) -> str:
    flags = {f"--{kind.removesuffix('s')} {name}=..." for kind, name in _UNSTATED.findall(message)}
    return f"{message}; state it: {' '.join(sorted(flags)) or '--request and --limit'}"


def _advise(advice: str) -> Callable[[str], str]:
    return lambda message: f"{message}; {advice}"


_KNOWN: Final[tuple[tuple[re.Pattern[str], Callable[[str], str]], ...]] = (
    (re.compile(r"^exceeded quota: "), _quota_exceeded),
    (re.compile(r"^failed quota: .*must specify "), _quota_unstated),
    (
        re.compile(r"^\[?(?:(?:minimum|maximum) \S+ usage per |\S+ max limit to request ratio per )"),
        _advise("a LimitRange in the namespace asks for it: say how much with --request and --limit"),
    ),
    (
        re.compile(r'^violates PodSecurity "[^"]*": .*host namespaces'),
        _advise("pods on the network of nodes need a namespace with pod-security.kubernetes.io/enforce=privileged"),
    ),
    (
        re.compile(r"^violates PodSecurity "),
        _advise("agents keep to the standard restricted themselves: something adds to their pods, or asks for more"),
    ),
    (
        re.compile(
            r"admission webhook \"[^\"]*\" denied the request|ValidatingAdmissionPolicy '[^']*'.* denied request"
        ),
        _advise(f"{_EXEMPT} from it, or give pods what it asks for (--pod-label, --pod-annotation, --limit ...)"),
    ),
    (
        re.compile(r"failed calling webhook "),
        _advise(f"repair the webhook, or {_EXEMPT} from it"),
    ),
    (
        re.compile(r"^no PriorityClass with name "),
        _advise("create it, or choose another with --priority-class (see: kubectl get priorityclasses)"),
    ),
    (
        re.compile(r'RuntimeClass "[^"]*" not found'),
        _advise("create it, or choose another with --runtime-class (see: kubectl get runtimeclasses)"),
    ),
    (
        re.compile(r'^\S+ is forbidden: User "[^"]*" cannot '),
        lambda message: (
            re.sub(r' in the namespace "[^"]*"', "", message) + "; `cni-probe rbac` prints the role that a run needs"
        ),
    ),
    (
        re.compile(r"because it is being terminated$"),
        _advise("somebody else deletes the run's namespaces"),
    ),
)
