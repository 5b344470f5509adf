"""How long to wait for an API server that is away or busy, and how long between two tries.

One ``Patience`` is shared by all requests of a connection: a server that is gone is gone for all of them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from probe.cluster.apierrors import ApiError, Unreachable
from probe.cluster.transport import NotTrusted

BUSY = 429
PASSING = (500, 502, 503, 504)
"""Statuses of a server that restarts, of its load balancer, and of an etcd that changes its leader."""
_FAULT_SECONDS = 20.0
"""How long 500 is taken for something that passes: an admission webhook that is down answers so for good."""
_WORTH_A_WORD = 1.0
"""Seconds: a connection that was closed while it was idle is made anew, and nobody needs to know."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class Patience:
    """For how long requests go on while the server does not answer as it should. ``seconds`` in all.

    ``notice`` is told once that a server is waited for (not for a moment), and once that it is back.
    """

    def __init__(
        self, seconds: float, notice: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self._notice = notice
        self._clock = clock
        self._reached = False
        self._since: float | None = None
        self._said = False

    def tries(self) -> Tries:
        """For a request (or a watch) that is about to begin."""
        return Tries(self, self._clock)

    def answered(self) -> None:
        """The server has answered to the end, whatever it said."""
        if self._said and self._since is not None:
            self._notice(f"the API server answers again, after {self._clock() - self._since:.0f} s")
        self._reached, self._since, self._said = True, None, False

    def lost(self, error: Unreachable) -> float:
        """It has not; returns how many seconds are left to wait for it. Raises ``error`` for one never reached."""
        if not self._reached or isinstance(error, NotTrusted):
            raise error
        now = self._clock()
        self._since = now if self._since is None else self._since
        away = now - self._since
        left = self.seconds - away
        if away >= _WORTH_A_WORD and left > 0 and not self._said:
            self._said = True
            self._notice(f"{error}; waiting for it, up to {self.seconds:g} s")
        return left


class Tries:
    """One request's tries, with pauses that grow and vary, so that many requests do not come back in step."""

    def __init__(self, patience: Patience, clock: Callable[[], float]) -> None:
        self._patience = patience
        self._clock = clock
        self._pause = _FIRST_PAUSE
        self._began: float | None = None

    async def pause_after(self, error: ApiError | Unreachable) -> None:
        """Wait until it is time to try again. Raises ``error`` when patience is over."""
        wait = self._grown()
        if isinstance(error, Unreachable):
            # One request may hang time after time (in a webhook, say) while others are answered: it has its own end.
            left = min(self._patience.lost(error), self._left(self._patience.seconds))
        else:
            wait = max(wait, error.wait or 0.0)
            left = self._left(_FAULT_SECONDS if error.code == 500 else self._patience.seconds)
        if wait > left:
            raise error
        await asyncio.sleep(wait)

    def began_anew(self) -> None:
        """Something went well in between (a watch's events came): what fails from here on is another trouble."""
        self._pause, self._began = _FIRST_PAUSE, None

    def _left(self, seconds: float) -> float:
        now = self._clock()
        self._began = now if self._began is None else self._began
        return min(seconds, self._patience.seconds) - (now - self._began)

    def _grown(self) -> float:
        pause = self._pause * random.uniform(0.5, 1.0)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return pause
