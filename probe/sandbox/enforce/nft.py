"""nftables through libnftables: one script, one netlink transaction, all of it or nothing.

The library rather than the ``nft`` command: no process per update, and a context keeps its netlink socket, which
belongs to the network namespace of the thread that opened it. So a context is opened and used in its node's thread
and nowhere else.
"""

from __future__ import annotations

import ctypes
import json
import threading
from types import TracebackType
from typing import Any, Final, Self

from probe.model.errors import MissingRequirement, SandboxError

LIBRARY: Final = "libnftables.so.1"
OUTPUT_JSON: Final = 1 << 4


class NftError(SandboxError):
    """nft refused a script; nothing of it was applied. The message is nft's own."""


class NftLibrary:
    """The loaded library. Its parser and caches are not made for several threads at once: calls take turns."""

    def __init__(self) -> None:
        """Raises MissingRequirement."""
        try:
            self.calls = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise MissingRequirement(
                f"cannot load {LIBRARY}, with which policies are enforced ({error}); install it: apt install nftables"
            ) from error
        self.turn = threading.Lock()
        self._declare()

    def _declare(self) -> None:
        context, text = ctypes.c_void_p, ctypes.c_char_p
        signatures: dict[str, tuple[Any, list[Any]]] = {
            "nft_ctx_new": (context, [ctypes.c_uint32]),
            "nft_ctx_free": (None, [context]),
            "nft_ctx_buffer_output": (ctypes.c_int, [context]),
            "nft_ctx_buffer_error": (ctypes.c_int, [context]),
            "nft_ctx_get_output_buffer": (text, [context]),
            "nft_ctx_get_error_buffer": (text, [context]),
            "nft_ctx_output_set_flags": (None, [context, ctypes.c_uint]),
            "nft_run_cmd_from_buffer": (ctypes.c_int, [context, text]),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(self.calls, name)
            function.restype, function.argtypes = result, arguments

    def open(self) -> Nft:
        """A context in the calling thread's network namespace. Raises MissingRequirement."""
        return Nft(self)


class Nft:
    """A context: only for the thread that opened it."""

    def __init__(self, library: NftLibrary) -> None:
        self._library = library
        self._thread = threading.get_ident()
        calls = library.calls
        with library.turn:
            self._context: int | None = calls.nft_ctx_new(0)
            if not self._context:
                raise MissingRequirement("libnftables gave no context: does this kernel have nf_tables?")
            if calls.nft_ctx_buffer_output(self._context) or calls.nft_ctx_buffer_error(self._context):
                raise SandboxError("libnftables cannot buffer its output")

    def run(self, script: str) -> str:
        """Run an nft script as one transaction and return what it prints. Raises NftError."""
        return self._run(script, 0)

    def listing(self, what: str = "list ruleset") -> list[dict[str, Any]]:
        """The objects that a ``list`` command shows, in libnftables' JSON schema. Raises NftError."""
        listed: list[dict[str, Any]] = json.loads(self._run(what, OUTPUT_JSON))["nftables"]
        return listed

    def _run(self, script: str, flags: int) -> str:
        if threading.get_ident() != self._thread:
            raise RuntimeError("an nft context belongs to the thread, and so to the network namespace, that opened it")
        if self._context is None:
            raise RuntimeError("the nft context is closed")
        calls = self._library.calls
        with self._library.turn:
            calls.nft_ctx_output_set_flags(self._context, flags)
            failed = calls.nft_run_cmd_from_buffer(self._context, script.encode())
            output = (calls.nft_ctx_get_output_buffer(self._context) or b"").decode(errors="replace")
            errors = (calls.nft_ctx_get_error_buffer(self._context) or b"").decode(errors="replace")
        if failed:
            raise NftError(f"nft: {errors.strip() or 'failed without a message'}")
        return output

    def close(self) -> None:
        """Free the context; rules stay in the kernel. May be called twice."""
        if self._context is not None:
            with self._library.turn:
                self._library.calls.nft_ctx_free(self._context)
            self._context = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
