"""Run in a pod's network namespace: one UDP request every few milliseconds, and which of them were answered.

python ticker.py ADDRESS PORT  ->  [[before, after, answered], ...] as JSON, once stdin has ended: unix times between
which a request was sent, and whether it was answered.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

INTERVAL = 0.004
LAST_WORDS = 1.0
"""Seconds without an answer after which no more are waited for."""


def tick(address: str, port: int) -> list[tuple[float, float, bool]]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, port))
    sock.settimeout(INTERVAL)
    sent: list[tuple[float, float]] = []
    answered: set[int] = set()
    due = heard = time.monotonic()
    going = True
    while going or (len(sent) - 1 not in answered and time.monotonic() < heard + LAST_WORDS):
        if going and select.select([sys.stdin], [], [], 0)[0]:
            going, heard = False, time.monotonic()
        if going and due <= time.monotonic():
            before = time.time()
            try:
                sock.send(f"CNIPROBE/1 {len(sent)}\n".encode())
                sent.append((before, time.time()))
            except OSError:
                pass
            due += INTERVAL
        try:
            answered.add(int(sock.recv(512).split()[1]))
            heard = time.monotonic()
        except OSError:
            continue
    return [(*times, number in answered) for number, times in enumerate(sent)]


if __name__ == "__main__":
    print("ready", file=sys.stderr, flush=True)
    print(json.dumps(tick(sys.argv[1], int(sys.argv[2]))))
