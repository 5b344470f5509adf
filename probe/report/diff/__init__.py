"""Two runs compared: what got worse, what got better, and what cannot be said.

``match`` pairs the cells, ``compare`` says what changed of each, ``latency`` whether enforcement became slower, and the
renderers show it. Made for before and after an upgrade: only what got worse is a regression.
"""
