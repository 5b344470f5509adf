"""The trial of the kernel's parts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from probe.sandbox import linux
from probe.sandbox.enforce import features
from probe.sandbox.enforce.features import missing
from probe.sandbox.enforce.nft import NftLibrary

pytestmark = pytest.mark.sandbox


def test_a_kernel_that_has_everything_lacks_nothing_and_keeps_nothing() -> None:
    with ThreadPoolExecutor(1, initializer=linux.unshare, initargs=(linux.CLONE_NEWNET,)) as thread:
        nft = thread.submit(NftLibrary().open).result()
        assert thread.submit(missing, nft).result() == ()
        assert thread.submit(nft.run, "list ruleset").result() == ""
        thread.submit(nft.close).result()


def test_what_is_missing_is_named_with_nfts_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_FEATURES", {"time travel (nft_delorean)": ("add rule inet t c travel",)})
    with ThreadPoolExecutor(1, initializer=linux.unshare, initargs=(linux.CLONE_NEWNET,)) as thread:
        nft = thread.submit(NftLibrary().open).result()
        (problem,) = thread.submit(missing, nft).result()
        assert problem.startswith("time travel (nft_delorean): nft: Error:")
        thread.submit(nft.close).result()
