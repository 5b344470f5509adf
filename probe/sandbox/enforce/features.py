"""What enforcement needs of nftables, tried out one by one: a missing part should be named, not guessed.

The kernel loads nf_tables' parts as modules of their own, and a small kernel may lack any of them.
"""

from __future__ import annotations

from probe.sandbox.enforce.nft import Nft, NftError

_T = "inet cni_probe_trial"
_FEATURES = {
    "connection tracking (nf_conntrack, nft_ct)": (
        f"add chain {_T} c",
        f"add rule {_T} c ct original ip saddr 192.0.2.1 ct state related accept",
    ),
    "address translation (nf_nat, nft_chain_nat, nft_nat)": (
        f"add chain {_T} c {{ type nat hook prerouting priority -100; }}",
        f"add rule {_T} c meta l4proto tcp dnat ip to 192.0.2.1:80",
    ),
    "masquerading (nft_masq)": (
        f"add chain {_T} c {{ type nat hook postrouting priority 100; }}",
        f"add rule {_T} c masquerade",
    ),
    "random choice (nft_numgen)": (f"add chain {_T} c", f"add rule {_T} c numgen random mod 2 0 accept"),
    "rejecting (nft_reject_inet, Linux 5.9)": (
        f"add chain {_T} c {{ type filter hook prerouting priority -90; }}",
        f"add rule {_T} c reject with icmpx port-unreachable",
    ),
    "verdict maps and sets of ranges (nf_tables)": (
        f"add map {_T} m {{ type ipv4_addr . inet_service : verdict; }}",
        f"add set {_T} s {{ type inet_service; flags interval; elements = {{ 1-9 }}; }}",
    ),
}


def missing(nft: Nft) -> tuple[str, ...]:
    """What this kernel (or this nftables) lacks, each with nft's reason; leaves nothing behind."""
    found = []
    for name, lines in _FEATURES.items():
        try:
            nft.run("\n".join((f"add table {_T}", *lines, f"delete table {_T}", "")))
        except NftError as error:
            found.append(f"{name}: {error}")
    return tuple(found)
