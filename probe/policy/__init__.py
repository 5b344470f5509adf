"""What the Kubernetes API says should happen: a pure reading of NetworkPolicy and of the cluster-scoped policies.

``read`` turns the API's objects into rules of one neutral form (``rules``), ``universe`` the cluster's labels and
addresses into sets of endpoints (bits of an integer), ``tiers`` asks the rules in the API's order, and ``oracle`` is
the face of it all: a decision with its reasons for one flow, or the whole truth table at once, by the same evaluation.

Answers have three values. What the API leaves open, or what depends on something that is not known, is *undefined*:
each rule matches a set of endpoints surely and another one perhaps, and an answer is given where both readings agree.

It shares no reading of the specification with ``probe.sandbox``, so that each can find the other's errors.
"""
