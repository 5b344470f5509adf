"""Watches as people and programs read them.

words     the answer in sentences, and what cells and spans are called
timeline  lanes of cells over time, in characters
summary   the same by pairs of nodes
log       what happened to the cluster and what the command said, in order
section   all of it for the terminal
markdown  for pull requests and summaries of CI
cases     for JUnit
"""
