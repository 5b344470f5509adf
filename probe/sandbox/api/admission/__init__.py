"""Whether an object may come in, and what is done to it at the door: admission, in Kubernetes' order.

chain         the order                    accounts  the service account of a pod
limits        LimitRange                   classes   PriorityClass and RuntimeClass
quota, usage  ResourceQuota, and what it counts
"""
