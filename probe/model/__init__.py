"""The words of the house as types: scenarios, cells, verdicts, events and records.

Pure data and the small rules that belong to it. Imports nothing of ours, talks to nobody.
"""
