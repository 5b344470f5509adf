"""From a scenario to verdicts: deploy, prove the positive control, change, converge, hold, judge.

``judge`` is pure and holds every rule of what counts as proof; the rest gathers the evidence for it.
"""
