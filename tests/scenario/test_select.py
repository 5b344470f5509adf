"""Which scenarios a run takes: by tags and names, in parts, in a random order that can be had again."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from probe.model.errors import UsageError
from probe.model.scenario import Scenario
from probe.scenario import make_plan
from probe.scenario.select import Choice, parse_shard, select, weight
from tests.scenario.conformance import suite


def names(choice: Choice, scenarios: Sequence[Scenario] | None = None) -> list[str]:
    return [scenario.name for scenario in select(suite() if scenarios is None else scenarios, choice).scenarios]


def by(key: str, *values: str) -> set[str]:
    return {scenario.name for scenario in suite() if scenario.labels.get(key) in values}


def test_without_a_choice_all_are_taken_in_the_order_of_their_files() -> None:
    chosen = select(suite(), Choice())
    assert chosen.scenarios == suite()
    assert (chosen.record.scenarios, chosen.record.taken, chosen.record.asked) == (len(suite()), len(suite()), [])


def test_of_one_key_any_value_and_of_every_key_one() -> None:
    assert set(names(Choice(tags=("feature=sctp", "feature=blocks")))) == by("feature", "sctp", "blocks")
    with_case = {scenario.name for scenario in suite() if "upstream" in scenario.labels}
    assert set(names(Choice(tags=("feature=blocks", "upstream")))) == by("feature", "blocks") & with_case
    assert set(names(Choice(tags=("docs=lifecycle.*",)))) == {
        scenario.name for scenario in suite() if scenario.labels.get("docs", "").startswith("lifecycle.")
    }


def test_names_are_searched_for_regular_expressions() -> None:
    chosen = names(Choice(include=("^sctp-", "^udp-"), exclude=("deny", "isolates$")))
    assert chosen == [
        name
        for name in (scenario.name for scenario in suite())
        if name.startswith(("sctp-", "udp-")) and "deny" not in name and not name.endswith("isolates")
    ]


def test_everything_wrong_with_a_choice_is_said_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        select(suite(), Choice(tags=("featur=ports", "feature=port", "sctp"), include=("(",), exclude=("[a",)))
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "--tag featur=ports",
        "--tag feature=port",
        "--tag sctp",
        "--include '('",
        "--exclude '[a'",
    ]
    assert 'did you mean "feature"?' in lines[0]
    assert 'did you mean "ports"?' in lines[1]
    assert "did you mean feature=sctp?" in lines[2]
    assert "not a regular expression" in lines[3]


def test_a_choice_of_nothing_is_an_error_since_it_would_be_green() -> None:
    with pytest.raises(UsageError, match=r"^no scenario of \d+ fits --include nowhere: a run of nothing"):
        select(suite(), Choice(include=("nowhere",)))
    with pytest.raises(UsageError, match="--shard 3/3"):
        select(suite()[:2], Choice(shard=(3, 3)))


def test_what_is_refused_is_left_out_and_an_error_only_if_nothing_is_left() -> None:
    def refused(scenario: Scenario) -> str:
        return "it is about SCTP" if scenario.labels["feature"] == "sctp" else ""

    chosen = select(suite(), Choice(tags=("feature=sctp", "feature=blocks")), refused)
    assert {scenario.name for scenario in chosen.scenarios} == by("feature", "blocks")
    assert chosen.record.left_out == dict.fromkeys(by("feature", "sctp"), "it is about SCTP")
    with pytest.raises(UsageError, match="sctp-rule-isolates was chosen, but it is about SCTP"):
        select(suite(), Choice(tags=("feature=sctp",)), refused)


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 12])
def test_shards_share_nothing_and_are_together_all(parts: int) -> None:
    some = suite()[:12]
    shards = [names(Choice(shard=(index, parts)), some) for index in range(1, parts + 1)]
    together = [name for shard in shards for name in shard]
    assert len(together) == len(set(together))
    assert set(together) == {scenario.name for scenario in some}


def test_shards_take_about_as_long_as_each_other() -> None:
    weights = {scenario.name: weight(make_plan(scenario)) for scenario in suite()}
    loads = [sum(weights[name] for name in names(Choice(shard=(index, 4)))) for index in range(1, 5)]
    assert max(loads) - min(loads) <= max(weights.values())


def test_a_shard_depends_on_what_is_chosen_and_on_no_order() -> None:
    mixed = random.Random(1).sample(suite(), len(suite()))
    for index in (1, 2, 3):
        assert set(names(Choice(shard=(index, 3)), mixed)) == set(names(Choice(shard=(index, 3))))
        assert set(names(Choice(shard=(index, 3), shuffle=9))) == set(names(Choice(shard=(index, 3))))


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/", "-1/3", "1/0", ""])
def test_a_shard_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(UsageError, match="write I/N"):
        parse_shard(text)


def test_a_seed_is_an_order_whatever_that_of_the_files_is() -> None:
    mixed = random.Random(1).sample(suite(), len(suite()))
    first = names(Choice(shuffle=7))
    assert first == names(Choice(shuffle=7), mixed)
    assert set(first) == {scenario.name for scenario in suite()}
    assert first not in (names(Choice(shuffle=8)), names(Choice()))
    assert select(suite(), Choice(shuffle=7)).record.shuffle == 7
