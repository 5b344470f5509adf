"""The run record: everything that a run measured, as versioned plain data.

Reports are drawn from a record and from nothing else. In JSON the keys are camelCase (``to_camel``), times are
RFC 3339 in UTC, durations are seconds.
"""

from probe.model.record.cell import Attempt, CellRecord, Change, DecisionRecord, Receipt, Topology, cell_of
from probe.model.record.cluster import ClusterRecord, NodeRecord
from probe.model.record.enforcement import EnforcementRecord, SamplingRecord
from probe.model.record.known import KnownFailureRecord
from probe.model.record.run import RECORD_API_VERSION, RECORD_KIND, RunRecord, SelectionRecord
from probe.model.record.scenario import BaselineRecord, PodRecord, ScenarioRecord, TimeRecord
from probe.model.record.start_race import StartedPodRecord, StartRaceRecord
from probe.model.record.step import PolicyRecord, StepRecord

__all__ = [
    "RECORD_API_VERSION",
    "RECORD_KIND",
    "Attempt",
    "BaselineRecord",
    "CellRecord",
    "Change",
    "ClusterRecord",
    "DecisionRecord",
    "EnforcementRecord",
    "KnownFailureRecord",
    "NodeRecord",
    "PodRecord",
    "PolicyRecord",
    "Receipt",
    "RunRecord",
    "SamplingRecord",
    "ScenarioRecord",
    "SelectionRecord",
    "StartRaceRecord",
    "StartedPodRecord",
    "StepRecord",
    "TimeRecord",
    "Topology",
    "cell_of",
]
