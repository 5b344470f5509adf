"""The syntax of Kubernetes names, labels and port names, after apimachinery's validation rules.

Each check returns what is wrong in the API server's way of saying it, or None when all is well, so that the
scenario loader, the policy validation and the sandbox's API server agree on what a valid name is.
"""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")

DNS_LABEL_MAX = 63
DNS_SUBDOMAIN_MAX = 253
LABEL_VALUE_MAX = 63
PORT_NAME_MAX = 15


def dns_label_error(value: str) -> str | None:
    """What keeps ``value`` from being a DNS-1123 label (a namespace's name)."""
    if len(value) > DNS_LABEL_MAX:
        return f"must be no more than {DNS_LABEL_MAX} characters"
    if not _LABEL.fullmatch(value):
        return "must consist of lower case letters, digits and '-', and begin and end with a letter or digit"
    return None


def dns_subdomain_error(value: str) -> str | None:
    """What keeps ``value`` from being a DNS-1123 subdomain (most objects' names)."""
    if len(value) > DNS_SUBDOMAIN_MAX:
        return f"must be no more than {DNS_SUBDOMAIN_MAX} characters"
    if not all(_LABEL.fullmatch(part) for part in value.split(".")):
        return "must consist of lower case letters, digits, '-' and '.', and begin and end with a letter or digit"
    return None


def label_key_error(key: str) -> str | None:
    """What keeps ``key`` from being a qualified name: ``name`` or ``dns.subdomain/name``."""
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or dns_subdomain_error(prefix)):
        return "the part before '/' must be a DNS subdomain in lower case"
    if not name or len(name) > LABEL_VALUE_MAX:
        return f"the name part must be between 1 and {LABEL_VALUE_MAX} characters"
    if not _QUALIFIED.fullmatch(name):
        return (
            "the name part must consist of letters, digits, '-', '_' and '.', and begin and end with a letter or digit"
        )
    return None


def label_value_error(value: str) -> str | None:
    """What keeps ``value`` from being a label's value; the empty string is one."""
    if len(value) > LABEL_VALUE_MAX:
        return f"must be no more than {LABEL_VALUE_MAX} characters"
    if value and not _QUALIFIED.fullmatch(value):
        return "must consist of letters, digits, '-', '_' and '.', and begin and end with a letter or digit"
    return None


def port_name_error(name: str) -> str | None:
    """What keeps ``name`` from being an IANA service name, which named ports must be."""
    if len(name) > PORT_NAME_MAX:
        return f"must be no more than {PORT_NAME_MAX} characters"
    if not re.fullmatch(r"[a-z0-9-]+", name):
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search(r"[a-z]", name):
        return "must contain at least one letter (a-z)"
    if "--" in name:
        return "must not contain consecutive hyphens"
    if name.startswith("-") or name.endswith("-"):
        return "must not begin or end with a hyphen"
    return None


def port_number_error(number: int) -> str | None:
    """What keeps ``number`` from being a port."""
    return None if 1 <= number <= 65535 else "must be between 1 and 65535, inclusive"
