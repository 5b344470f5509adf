"""Run in a pod's network namespace: one UDP request every few milliseconds, and which of them were answered.

python ticker.py ADDRESS PORT SECONDS  ->  [[sent, answered], ...] as JSON; unix time, and whether
"""

from __future__ import annotations

import json
import socket
import sys
import time

INTERVAL = 0.004
LAST_WORDS = 0.2


def tick(address: str, port: int, seconds: float) -> list[tuple[float, bool]]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, port))
    sock.settimeout(INTERVAL)
    sent: list[float] = []
    answered: set[int] = set()
    deadline = time.monotonic() + seconds
    due = time.monotonic()
    while (moment := time.monotonic()) < deadline + LAST_WORDS:
        if due <= moment < deadline:
            try:
                sock.send(f"CNIPROBE/1 {len(sent)}\n".encode())
                sent.append(time.time())
            except OSError:
                pass
            due += INTERVAL
        try:
            answered.add(int(sock.recv(512).split()[1]))
        except OSError:
            continue
    return [(at, number in answered) for number, at in enumerate(sent)]


if __name__ == "__main__":
    print("ready", file=sys.stderr, flush=True)
    print(json.dumps(tick(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
