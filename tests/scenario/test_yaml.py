"""YAML is read as 1.2 says, with positions; whatever another reader would take for something else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.scenario.yaml import parse_yaml, read_yaml
from probe.scenario.yaml.read import MAX_BYTES

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def only_value(text: str) -> object:
    reading = parse_yaml(text, "f.yaml")
    assert reading.problems == ()
    (document,) = reading.documents
    return document.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("5", 5), ("-5", -5), ("0", 0), ("0x1f", 31), ("1.5", 1.5), (".5", 0.5), ("1.5e+3", 1500.0),
        ("on fire", "on fire"), ("80/TCP", "80/TCP"), ("10.0.0.1", "10.0.0.1"), ("fd00::1", "fd00::1"),
        ('"on"', "on"), ("'080'", "080"), ("'2026-01-01'", "2026-01-01"), ("!!str 5", "5"), ("1.5s", "1.5s"),
    ],
)  # fmt: skip
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    assert only_value(f"key: {text}") == {"key": value}


@pytest.mark.parametrize(
    "text",
    "on off yes no On OFF Yes y n Y N 080 010 -07 00 22:22 1:30:00 2026-01-01 1_000 0b11 0o17 1e3 1.5e3 =".split(),  # noqa: SIM905
)
def test_scalars_that_yaml_1_1_reads_differently_are_refused_as_value_and_as_key(text: str) -> None:
    for source, column in ((f"key: {text}", 6), (f"{text}: value", 1), (f"[{text}]", 2)):
        (problem, *_) = parse_yaml(source, "f.yaml").problems
        assert (problem.location.line, problem.location.column) == (1, column)
        assert text in problem.message
        assert "write" in problem.hint


def test_a_trap_behind_an_alias_is_reported_once() -> None:
    assert len(parse_yaml("a: &x {k: on}\nb: *x\nc: *x\n", "f.yaml").problems) == 1


def test_every_key_and_value_has_its_position() -> None:
    (document,) = parse_yaml("# comment\na:\n  - b: 1\n    c: {d: 2}\n", "f.yaml").documents
    place = document.root.child("a", 0, "c", "d")
    assert str(place.key_location) == "f.yaml:4:9"
    assert str(place.location) == "f.yaml:4:12"
    assert place.field == "a[0].c.d"
    assert str(document.root.child("a", 0, "missing", "deep").location) == "f.yaml:3:5"


def test_a_literal_block_knows_where_its_text_begins() -> None:
    (document,) = parse_yaml("t: |\n\n   first\n     second\n", "f.yaml").documents
    place = document.root.child("t")
    lines = document.value["t"].splitlines()
    assert str(place.text_location(1, lines[1].index("first"))) == "f.yaml:3:4"
    assert str(place.text_location(2, lines[2].index("second"))) == "f.yaml:4:6"


def test_documents_of_a_file_come_in_order_and_empty_ones_are_left_out() -> None:
    reading = parse_yaml("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n", "f.yaml")
    assert [document.value for document in reading.documents] == [{"a": 1}, {"b": 2}]
    assert reading.problems == ()


def test_merge_keys_fill_in_what_a_mapping_does_not_say_itself() -> None:
    text = "base: &base {a: 1, b: 2}\nother: &other {b: 3, c: 3}\nx: {<<: [*base, *other], a: 9}\nz:\n  <<: *base\n"
    value = only_value(text)
    assert isinstance(value, dict)
    assert value["x"] == {"a": 9, "b": 2, "c": 3}
    assert value["z"] == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1), 'duplicate key "a"'),
        ("a: b: c\n", (1, 5), "not valid YAML"),
        ("a:\n\tb: 1\n", (2, 1), "a tab cannot indent"),
        ("a: [1, 2\n", (2, 1), "not valid YAML"),
        ("a: *nope\n", (1, 4), "undefined alias"),
        ("a: \x01\n", (1, 4), "U+0001 is not allowed"),
        ("? [a]\n: b\n", (1, 3), "a key must be a string"),
        ("5: b\n", (1, 1), "the key 5 is not a string"),
        ("a: !!python/object:os.system x\n", (1, 4), "is not supported"),
        ("a: !!int x\n", (1, 4), "is not a int"),
        ("a: {<<: 5}\n", (1, 9), "<< can only merge mappings"),
        ("a: &a [*a]\n", (1, 1), "an alias stands inside of what it stands for"),
        ("[" * 100 + "]" * 100, (1, 61), "nested more than 60 levels deep"),
        ("", (1, 1), "holds no document"),
        ("# only a comment\n", (1, 1), "holds no document"),
    ],
)
def test_mistakes_in_yaml_are_located(text: str, position: tuple[int, int], message: str) -> None:
    (problem,) = parse_yaml(text, "f.yaml").problems
    assert (problem.location.line, problem.location.column) == position
    assert message in problem.message


def test_documents_before_a_syntax_error_are_still_read() -> None:
    reading = parse_yaml("a: 1\n---\nb: [\n", "f.yaml")
    assert [document.value for document in reading.documents] == [{"a": 1}]
    assert len(reading.problems) == 1
    assert not reading.complete


def test_aliases_that_expand_to_billions_are_refused_quickly() -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 15)]
    reading = parse_yaml("\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x]", *levels]), "f.yaml")
    assert ["expand to more than" in problem.message for problem in reading.problems] == [True]


def test_a_file_that_is_not_utf_8_says_where(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("a: 1\nname: caf\u00e9\n".encode("latin-1"))
    (problem,) = read_yaml(path, "latin.yaml").problems
    assert str(problem.location) == "latin.yaml:2:10"
    assert "not UTF-8" in problem.message


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert [document.value for document in read_yaml(path, "bom.yaml").documents] == [{"a": 1}]


def test_a_file_that_cannot_be_read_or_is_huge_is_a_problem(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * (MAX_BYTES + 1))
    for path, message in ((tmp_path / "none.yaml", "cannot be read"), (tmp_path, "cannot be read"), (huge, "larger")):
        (problem,) = read_yaml(path, "f.yaml").problems
        assert message in problem.message


# --- read tolerantly -----------------------------------------------------------------------------------------------


def test_read_tolerantly_what_readers_take_differently_is_a_doubt_and_no_problem() -> None:
    text = "mode: 0644\ndebug: on\n5: five\nsecret: !vault x\na: {b: 1, c: 1}\na: {b: 2}\n"
    reading = parse_yaml(text, "f.yaml", tolerant=True)
    assert reading.problems == ()
    (document,) = reading.documents
    assert document.value == {"mode": 644, "debug": "on", "5": "five", "secret": "x", "a": {"b": 2}}
    assert [(doubt.path, doubt.problem.location.line, doubt.duplicate) for doubt in document.doubts] == [
        (("mode",), 1, False),
        (("debug",), 2, False),
        ((), 3, False),
        (("secret",), 4, False),
        (("a",), 6, True),
    ]
    assert str(document.root.child("a", "b").location) == "f.yaml:6:8"
    assert str(document.root.child("a", "c").location) == "f.yaml:6:4"


def test_read_tolerantly_mistakes_are_problems_as_ever() -> None:
    for text in ("a: b: c\n", "a: {<<: 5}\n", "? [a]\n: b\n", "a: &a [*a]\n"):
        assert len(parse_yaml(text, "f.yaml", tolerant=True).problems) == 1


@pytest.mark.parametrize("path", sorted(SCENARIOS.rglob("*.yaml")), ids=lambda path: path.name)
def test_both_ways_of_reading_find_the_same_values_at_the_same_places(path: Path) -> None:
    strict, tolerant = (read_yaml(path, "f.yaml", tolerant=each) for each in (False, True))
    for one, other in zip(strict.documents, tolerant.documents, strict=True):
        assert one.value == other.value
        assert one.keys == other.keys
        assert one.literals == other.literals
        assert one.start == other.start


def test_a_syntax_error_is_told_alike() -> None:
    for text in ("a:\n\tb: 1\n", "a: [1, 2\n", "a: *nope\n", "[" * 100 + "]" * 100, "a: 1\n---\nb: [\n"):
        strict, tolerant = (parse_yaml(text, "f.yaml", tolerant=each) for each in (False, True))
        assert strict.problems == tolerant.problems
        assert len(strict.documents) == len(tolerant.documents)
