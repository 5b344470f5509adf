"""The first page of an evidence folder: what was tested, what that supports and what not, and how to check it all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe.model.record import RunRecord
from probe.report.evidence.contents import Policy, Source, source_words
from probe.report.evidence.manifest import MANIFEST, SIGNATURE
from probe.report.evidence.requirements import Support
from probe.report.markup import escaped, row, table_head
from probe.report.problems import troubles
from probe.report.summary import headline, meaning
from probe.report.text import duration, moment, one_line, plural

_CAVEAT = (
    "A run shows what the cluster did, at that time, to pods that the run itself made. These are findings that support "
    "an assessment of the requirements below; they are no statement that anything complies with them."
)


def readme(
    record: RunRecord, support: Sequence[Support], policies: Sequence[Policy], sources: Sequence[Source], signed: bool
) -> str:
    """The page, in Markdown."""
    lines = [
        *_head(record),
        *_files(signed),
        *_requirements(support),
        *_cluster(record),
        *_policies(policies),
        *_sources(sources),
    ]
    return "\n".join(lines) + "\n"


def _head(record: RunRecord) -> Iterator[str]:
    yield from ("# What was tested", "", f"**{escaped(one_line(headline(record)))}**", "")
    yield f"- exit code {record.exit_code}: {meaning(record.exit_code)}"
    yield f"- run {escaped(record.run)}, {escaped(moment(record.started))}, took {duration(record.seconds)}"
    yield f"- measured by {escaped(record.tool)}"
    problems = sum(1 for _ in troubles(record))
    if problems:
        yield f"- **{plural(problems, 'problem')} beside the cells, so that not all was measured: see report.md**"


def _files(signed: bool) -> Iterator[str]:
    yield from ("", "## The files", "", *table_head(["file", "what it is"]))
    yield row(["report.html", "the run to look at: what was expected and seen of each cell, with the evidence"])
    yield row(["report.md", "the same as text"])
    yield row(["run.json", "the whole record, for programs"])
    yield row(["evidence.json", "what this page says, for programs"])
    yield row(["policies/", "the policies as they were applied"])
    yield row(["sources/", "the files that the scenarios were read from, as they were then"])
    yield row([MANIFEST, "SHA-256 of each of these files"])
    yield from ([row([SIGNATURE, f"a signature of {MANIFEST}"])] if signed else [])
    check = f"`cni-probe evidence --verify .` or `sha256sum --check {MANIFEST}` in this folder finds what was changed."
    but = f" Whoever can change it can also write {MANIFEST} again: that it is the one that was written is for a"
    yield from ("", check + but + " signature to show, or for its own SHA-256, kept elsewhere.")


def _requirements(support: Sequence[Support]) -> Iterator[str]:
    yield from ("", "## What it supports", "", _CAVEAT, "")
    shown = [each for each in support if each.is_shown or each.against]
    if shown:
        yield from table_head(["requirement", "what it asks for", "what this run shows", "what it leaves open"])
        yield from (row(_support(each)) for each in shown)
    rest = [f"{each.requirement.standard} {each.requirement.number}" for each in support if each not in shown]
    if rest:
        yield from ("", f"Nothing in this run is about: {', '.join(rest)}.")


def _support(support: Support) -> list[str]:
    asked = support.requirement
    parts = [f"{support.denied} denied and {support.allowed} let through as the policies say, in "
             f"{plural(len(support.steps), 'step')}"] if support.denied or support.allowed else []  # fmt: skip
    parts += [f"**{support.against} were not: this speaks against it**"] if support.against else []
    parts += [f"{support.unjudged} could not be judged"] if support.unjudged else []
    return [f"{asked.standard} {asked.number}", asked.asks, f"{asked.about}: {'; '.join(parts)}", asked.leaves_open]


def _cluster(record: RunRecord) -> Iterator[str]:
    cluster = record.cluster
    yield from ("", "## The cluster", "")
    yield f"- API server {escaped(cluster.server)}, Kubernetes {escaped(cluster.version)}"
    yield f"- network plugin: {escaped(', '.join(cluster.network_plugins) or 'not known')}"
    yield f"- address families: {escaped(', '.join(cluster.families) or 'not known')}"
    yield from ("", *table_head(["node", "kubelet", "system", "kernel", "container runtime", "used"]))
    for node in cluster.node_facts:
        facts = [node.name, node.kubelet, node.os_image, node.kernel, node.runtime]
        yield row([*map(escaped, facts), "yes" if node.used else "no"])


def _policies(policies: Sequence[Policy]) -> Iterator[str]:
    yield from ("", "## Policies as applied", "")
    if not policies:
        yield "None was in force in any step."
        return
    yield "Namespaces are the scenarios'; the record says how they were called in the cluster."
    yield from ("", *table_head(["policy", "kind", "scenario", "steps", "file", "SHA-256"]))
    for each in policies:
        cells = [each.name, each.kind, each.scenario, str(len(each.steps))]
        yield row([*map(escaped, cells), escaped(each.file), escaped(each.digest)])


def _sources(sources: Sequence[Source]) -> Iterator[str]:
    yield from ("", "## Scenarios as run", "", *table_head(["read from", "file here", "SHA-256 when it was run"]))
    for each in sources:
        yield row([escaped(each.path), escaped(each.file) if each.file else "**none**", escaped(each.digest)])
    missing = [each for each in sources if each.file is None]
    if missing:
        yield from ("", "Not in this folder:", "", *(f"- {escaped(source_words(each))}" for each in missing))
