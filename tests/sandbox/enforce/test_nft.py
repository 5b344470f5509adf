"""nftables through libnftables."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from probe.sandbox import linux
from probe.sandbox.enforce.nft import Nft, NftError, NftLibrary

pytestmark = pytest.mark.sandbox

TABLE = "add table inet t\nadd chain inet t c\n"


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """A thread in a fresh network namespace."""
    with ThreadPoolExecutor(1, initializer=linux.unshare, initargs=(linux.CLONE_NEWNET,)) as executor:
        yield executor


@pytest.fixture
def nft(thread: ThreadPoolExecutor) -> Iterator[Nft]:
    made = thread.submit(NftLibrary().open).result()
    yield made
    thread.submit(made.close).result()


def test_a_script_is_applied_and_can_be_listed(thread: ThreadPoolExecutor, nft: Nft) -> None:
    assert thread.submit(nft.run, TABLE).result() == ""
    assert "chain c" in thread.submit(nft.run, "list ruleset").result()
    kinds = [set(entry) for entry in thread.submit(nft.listing).result()]
    assert kinds == [{"metainfo"}, {"table"}, {"chain"}]


def test_a_script_is_all_or_nothing_and_the_error_is_nfts_own(thread: ThreadPoolExecutor, nft: Nft) -> None:
    broken = f"{TABLE}add rule inet t c jump nowhere\n"
    with pytest.raises(NftError, match="No such file"):
        thread.submit(nft.run, broken).result()
    assert thread.submit(nft.run, "list ruleset").result() == ""


def test_a_context_goes_on_after_an_error(thread: ThreadPoolExecutor, nft: Nft) -> None:
    with pytest.raises(NftError, match="syntax error"):
        thread.submit(nft.run, "nonsense").result()
    thread.submit(nft.run, TABLE).result()


def test_a_context_belongs_to_its_thread(nft: Nft) -> None:
    with pytest.raises(RuntimeError, match="thread"):
        nft.run("list ruleset")


def test_contexts_see_their_own_namespace(thread: ThreadPoolExecutor, nft: Nft) -> None:
    thread.submit(nft.run, TABLE).result()
    with ThreadPoolExecutor(1, initializer=linux.unshare, initargs=(linux.CLONE_NEWNET,)) as other:
        elsewhere = other.submit(NftLibrary().open).result()
        assert other.submit(elsewhere.run, "list ruleset").result() == ""
        other.submit(elsewhere.close).result()


def test_a_closed_context_says_so(thread: ThreadPoolExecutor, nft: Nft) -> None:
    thread.submit(nft.close).result()
    thread.submit(nft.close).result()
    with pytest.raises(RuntimeError, match="closed"):
        thread.submit(nft.run, "list ruleset").result()
