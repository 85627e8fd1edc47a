"""Tests of reading the mapping and of the validation of its records."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

from enricher.attack.catalog import Pair
from enricher.authoring.bundle import bundle_of, record_to_json
from enricher.authoring.known_types import DATA_SOURCES
from enricher.authoring.loader import ROOT, read_catalogue, read_mapping
from enricher.mapping.entries import PAIR_KEYS
from enricher.mapping.model import OVERRIDE, AttackMapping, record_from_json
from enricher.mapping.problems import InvalidMapping, Problem
from enricher.mapping.records import KEYS, read_overrides, read_record
from tests.tiny_mapping import FACTS, record, write_mapping

CATALOGUE = read_catalogue()
GROUPS = ("host-scan",)
SCHEMA = Draft7Validator(
    json.loads((ROOT / "record.schema.json").read_text(encoding="utf-8")), format_checker=FormatChecker()
)

#: The header of finding-types.csv.
HEAD = "type,status,file,replaced_by,severity,data_source,plan,read"

#: A change to a valid record, and the expected error message.
FIELD_PROBLEMS = {
    "type": ('"Recon:Portscan"', "invalid value for `type`: expected ThreatPurpose:Resource/Family"),
    "attack": ("", "`attack` is missing"),
    "confidence": ('"sure"', "invalid value for `confidence`: expected high, medium, low, got 'sure'"),
    "rationale": ('" "', "`rationale` is missing"),
    "caveats": ("7", "`caveats` must be a string"),
    "references": ('["http://example.com"]', "`references` must be a list of https:// URLs"),
    "provenance": ('"mine"', "invalid value for `provenance`: expected 2020, aws, project, got 'mine'"),
    "reviewed": ('"soon"', "`reviewed` must be a date (YYYY-MM-DD)"),
    "retired": ("2021", "`retired` must be a date (YYYY-MM-DD)"),
    "successor": ("[]", "`successor` must be a string"),
    "atlas": ('[{ id = "T1", name = "x" }]', "`atlas` must be a list of"),
    "color": ('"red"', "unknown key 'color'"),
}
ENTRY_PROBLEMS = {
    '{ technique = "T1046" }': "None is not a tactic of ATT&CK 19.2",
    '{ tactic = ["TA0007"], technique = "T1046" }': "`tactic` must be a string",
    '{ tactic = "TA0007", technique = 1046 }': "`technique` must be a string",
    '{ tactic = "TA0007", technique = "T1046", score = 3 }': "unknown key 'score'",
    '{ tactic = "TA0007", technique = "T1046", confidence = "sure" }': (
        "invalid value for `confidence`: expected high, medium, low, got 'sure'"
    ),
    '{ tactic = "TA0007", former = "T1046" }': "`former` and `former_tactic` require a `technique`",
}
#: Errors that only the catalogue can show, not the schema.
CATALOGUE_PROBLEMS = {
    '{ tactic = "TA9999", technique = "T1046" }': "'TA9999' is not a tactic of ATT&CK 19.2",
    '{ tactic = "TA0007", technique = "T9999" }': "'T9999' is not an active technique of ATT&CK 19.2",
    '{ tactic = "TA0005", technique = "T1562.008" }': "revoked by T1685.002 Disable or Modify Cloud Log",
    '{ tactic = "TA0001", technique = "T1046" }': (
        "T1046 is not a technique of TA0001: ATT&CK 19.2 lists it under TA0007"
    ),
    '{ tactic = "TA0112", technique = "T1685", former = "T1110" }': (
        "invalid value for `former`: "
        "expected an id revoked by T1685 (T1562, T1562.001, T1562.006), got 'T1110'"
    ),
    '{ tactic = "TA0007", technique = "T1046", former_tactic = "TA0040" }': (
        "invalid value for `former_tactic`: expected a tactic of T1046 (TA0007), got 'TA0040'"
    ),
    '{ tactic = "TA0002", technique = "T1574.006" }': "set `former_tactic` to one of them",
}


def _validate(text: str) -> tuple[list[str], list[str]]:
    """Return the errors of the validator and of the schema for the TOML text of one record."""
    data = tomllib.loads(text)
    _, violations = read_record(data["finding"][0], "x", CATALOGUE)
    plain = json.loads(json.dumps(data, default=date.isoformat))
    errors = [error.message for error in SCHEMA.iter_errors(plain)]
    return [found.message for found in violations], errors


@pytest.mark.parametrize("key", FIELD_PROBLEMS)
def test_invalid_field_is_reported_by_validator_and_schema(key: str) -> None:
    """A record with one invalid field must get one error from the validator, at least one from the schema."""
    value, expected = FIELD_PROBLEMS[key]
    validator_errors, schema_errors = _validate(record("Recon:EC2/Portscan", **{key: value}))
    assert [message[: len(expected)] for message in validator_errors] == [expected]
    assert schema_errors != []


@pytest.mark.parametrize("entry", ENTRY_PROBLEMS)
def test_invalid_entry_is_reported_by_validator_and_schema(entry: str) -> None:
    """A malformed entry must get one error from the validator, at least one from the schema."""
    validator_errors, schema_errors = _validate(record("Recon:EC2/Portscan", attack=f"[{entry}]"))
    assert len(validator_errors) == 1
    assert validator_errors[0].startswith(f"attack entry 1: {ENTRY_PROBLEMS[entry]}")
    assert schema_errors != []


@pytest.mark.parametrize("entry", CATALOGUE_PROBLEMS)
def test_entry_that_contradicts_the_catalogue_is_reported(entry: str) -> None:
    """Ids that are unknown, revoked or not a pair in ATT&CK must be reported with the correct ones."""
    validator_errors, _ = _validate(record("Recon:EC2/Portscan", attack=f"[{entry}]"))
    assert len(validator_errors) == 1
    assert CATALOGUE_PROBLEMS[entry] in validator_errors[0]


def test_entry_may_have_its_own_confidence() -> None:
    """An entry's own confidence must be kept; an entry without one must have the record's."""
    text = """[
        { tactic = "TA0007", technique = "T1046" },
        { tactic = "TA0043", technique = "T1595", confidence = "low" },
    ]"""
    item = tomllib.loads(record("Recon:EC2/Portscan", attack=text.replace("\n", " ")))["finding"][0]
    read, messages = read_record(item, "x", CATALOGUE)
    assert messages == []
    assert read is not None
    assert ["high", "low"] == [confidence for _, confidence in read.rated_pairs]
    assert read == record_from_json(read.type, json.loads(json.dumps(record_to_json(read))))


def test_fourth_entry_and_duplicate_entry_are_rejected() -> None:
    """At most three distinct entries must be accepted, by the validator and by the schema."""
    same = '{ tactic = "TA0007", technique = "T1046" }'
    validator_errors, schema_errors = _validate(
        record("Recon:EC2/Portscan", attack=f"[{', '.join([same] * 4)}]")
    )
    assert validator_errors == [
        *(f"attack entry {place}: TA0007 T1046 is listed twice" for place in (2, 3, 4)),
        "`attack` has 4 entries: at most 3, keep those that the finding shows",
    ]
    assert len(schema_errors) == 2


@pytest.mark.parametrize(
    "path", sorted(set(ROOT.glob("*.toml")) - {ROOT / "responses.toml"}), ids=lambda path: path.stem
)
def test_schema_accepts_every_bundled_file(path: Path) -> None:
    """A file that the validator accepts must be valid against the schema that editors use."""
    plain = json.loads(json.dumps(tomllib.loads(path.read_text(encoding="utf-8")), default=date.isoformat))
    assert [error.message for error in SCHEMA.iter_errors(plain)] == []


_ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, *PAIR_KEYS, "id"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*KEYS, "color"]), _ODD))
def test_any_record_is_read_or_reported(item: dict[str, Any]) -> None:
    """A record of any shape must be read or get an error message; the validator must not raise."""
    found, messages = read_record(item, "x", CATALOGUE)
    assert (found is None) == (messages != [])


def test_known_gap_needs_no_confidence() -> None:
    """`attack = []` with a rationale and without a confidence must be accepted by validator and schema."""
    assert _validate(record("Recon:EC2/Portscan", attack="[]", confidence="")) == ([], [])


def test_all_ten_problems_are_reported_in_one_run(tmp_path: Path) -> None:
    """Ten problems in several files must all be reported with file, finding type and reason."""
    revoked = '[{ tactic = "TA0005", technique = "T1562.001" }]'
    stranger = '[{ tactic = "TA0040", technique = "T1046" }]'
    files = {
        "ec2.toml": record("Recon:EC2/One", attack=revoked)
        + record("Recon:EC2/Two", attack=stranger)
        + record("Recon:EC2/Three", rationale="")
        + record("Recon:EC2/Four", confidence='"certain"')
        + record("Recon:EC2/Five", provenance='"hearsay"'),
        "iam.toml": record("Recon:IAMUser/Six", reviewed="") + record("Recon:IAMUser/Seven"),
        "s3.toml": record("Recon:IAMUser/Seven") + record("Recon:S3/Eight"),
        "rds.toml": "[[finding]\n",
    }
    types = {
        **{f"Recon:EC2/{name}": "ec2" for name in ("One", "Two", "Three", "Four", "Five")},
        "Recon:RDS/InTheBrokenFile": "rds",
        "Recon:IAMUser/Six": "iam",
        "Recon:IAMUser/Seven": "iam",
        "Recon:Lambda/Ten": "lambda",
    }
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(write_mapping(tmp_path / "mapping", files, types))
    assert [
        (problem.file, problem.line, problem.subject, problem.message.split(":")[0])
        for problem in caught.value.problems
    ] == [
        ("ec2.toml", 9, "Recon:EC2/One", "attack entry 1"),
        ("ec2.toml", 18, "Recon:EC2/Two", "attack entry 1"),
        ("ec2.toml", 20, "Recon:EC2/Three", "`rationale` is missing"),
        ("ec2.toml", 36, "Recon:EC2/Four", "invalid value for `confidence`"),
        ("ec2.toml", 45, "Recon:EC2/Five", "invalid value for `provenance`"),
        ("finding-types.csv", 10, "Recon:Lambda/Ten", "has no record in lambda.toml"),
        ("iam.toml", 2, "Recon:IAMUser/Six", "`reviewed` must be a date (YYYY-MM-DD)"),
        ("rds.toml", 1, "", "not TOML"),
        ("s3.toml", 3, "Recon:IAMUser/Seven", "recorded twice, also in iam.toml"),
        ("s3.toml", 12, "Recon:S3/Eight", "is not listed in finding-types.csv"),
    ]


def test_record_in_the_wrong_file_is_reported(tmp_path: Path) -> None:
    """A record must be in the file of its user guide page, where a reviewer expects it."""
    root = write_mapping(tmp_path / "mapping", {"s3.toml": record("Recon:EC2/One")}, {"Recon:EC2/One": "ec2"})
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(root)
    expected = Problem("s3.toml", "Recon:EC2/One", "must be in ec2.toml, its file in finding-types.csv", 3)
    assert caught.value.problems == (expected,)


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        (
            "VERSION",
            "1.0",
            Problem("VERSION", "", "'1.0' is not a valid version: expected YEAR.MONTH.NUMBER", 1),
        ),
        (
            "finding-types.csv",
            f"{HEAD}\nRecon:EC2/One,active,ec2,,{FACTS}\nRecon:EC2/One,active,ec2,,{FACTS}\n",
            Problem("finding-types.csv", "Recon:EC2/One", "is also listed in line 2: remove one", 3),
        ),
        (
            "finding-types.csv",
            f"{HEAD}\nRecon:EC2/One,asleep,ec2,,{FACTS}\n",
            Problem(
                "finding-types.csv",
                "Recon:EC2/One",
                "invalid value for `status`: expected active, retired, alias, got 'asleep'",
                2,
            ),
        ),
        (
            "finding-types.csv",
            f"{HEAD}\nRecon:EC2/One,active,ec2,,Medium*,VPC flow log,Foundational,2026-01-02\n",
            Problem(
                "finding-types.csv",
                "Recon:EC2/One",
                f"invalid value for `data_source`: expected {', '.join(DATA_SOURCES)}, got 'VPC flow log'",
                2,
            ),
        ),
        (
            "finding-types.csv",
            f"{HEAD}\nRecon:EC2/One,active,ec2,,Medium,VPC flow logs,Foundational,yesterday\n",
            Problem(
                "finding-types.csv",
                "Recon:EC2/One",
                "invalid value for `read`: expected a date (YYYY-MM-DD), got 'yesterday'",
                2,
            ),
        ),
        (
            "finding-types.csv",
            f"{HEAD}\nRecon:EC2/One,active,ec2,,{FACTS}\nRecon:EC2/1,alias,ec2,Recon:EC2/Two,,,,\n",
            Problem(
                "finding-types.csv",
                "Recon:EC2/1",
                "alias of 'Recon:EC2/Two', which is not listed: name an active type",
                3,
            ),
        ),
        (
            "finding-types.csv",
            f"{HEAD}\nRecon:EC2/One,active,ec2,Recon:EC2/Two,{FACTS}\n",
            Problem(
                "finding-types.csv",
                "Recon:EC2/One",
                "`replaced_by` is 'Recon:EC2/Two': only an alias or a retired type has one",
                2,
            ),
        ),
        (
            "ec2.toml",
            record("Recon:EC2/One", successor='"Recon:EC2/Next"'),
            Problem("ec2.toml", "Recon:EC2/One", "successor 'Recon:EC2/Next' is not listed", 10),
        ),
    ],
)
def test_problem_outside_the_records_is_reported(
    file: str, text: str, problem: Problem, tmp_path: Path
) -> None:
    """An invalid version, list of types or successor must be reported like any other problem."""
    root = write_mapping(
        tmp_path / "mapping", {"ec2.toml": record("Recon:EC2/One")}, {"Recon:EC2/One": "ec2"}
    )
    (root / file).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(root)
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("finding = 7", "`finding` must be an array of tables"),
        ("finding = [7]", "`finding` must be an array of tables"),
        ('pages = "x"', "unknown key 'pages'"),
    ],
)
def test_malformed_file_is_reported(text: str, message: str) -> None:
    """A file without a list of records must be reported."""
    _, problems = read_overrides(text, "own.toml", CATALOGUE, GROUPS)
    assert [(problem.file, problem.subject) for problem in problems] == [("own.toml", "")]
    assert problems[0].message.startswith(message)


def test_bundle_round_trip_gives_the_same_mapping(mapping: AttackMapping) -> None:
    """The bundle that the Lambda function loads must give the same mapping as the TOML."""
    again = AttackMapping.from_bundle(json.loads(json.dumps(bundle_of(mapping))))
    assert again.records == mapping.records
    assert again.aliases == mapping.aliases
    assert again.evidence == mapping.evidence
    assert again.catalogue == mapping.catalogue
    assert again.version == mapping.version


def test_override_needs_neither_provenance_nor_review_date() -> None:
    """An override needs no provenance and review date; an invalid one must not affect the others."""
    good: dict[str, Any] = {"provenance": "", "reviewed": "", "confidence": '"low"'}
    text = record("Recon:EC2/Portscan", **good) + record("Recon:EC2/Two", confidence='"maybe"')
    records, problems = read_overrides(text, "own.toml", CATALOGUE, GROUPS)
    assert [(key, item.confidence, item.provenance) for key, item in records.items()] == [
        ("Recon:EC2/Portscan", "low", OVERRIDE)
    ]
    assert [problem.subject for problem in problems] == ["Recon:EC2/Two"]


def test_second_override_of_a_type_is_rejected() -> None:
    """Of two overrides of one type the first must be used and the second be reported."""
    text = record("Recon:EC2/Portscan", confidence='"low"') + record("Recon:EC2/Portscan")
    records, problems = read_overrides(text, "own.toml", CATALOGUE, GROUPS)
    assert records["Recon:EC2/Portscan"].confidence == "low"
    assert problems == [Problem("own.toml", "Recon:EC2/Portscan", "overridden twice: using the first", 11)]


def test_override_of_an_alias_applies_to_its_type(mapping: AttackMapping) -> None:
    """An override under an alias must replace the record of its finding type."""
    alias, finding_type = next(iter(mapping.aliases.items()))
    records, _ = read_overrides(record(alias), "own.toml", CATALOGUE, GROUPS)
    own = mapping.with_overrides(records).record_for(finding_type)
    assert own is not None
    assert (own.type, own.pairs) == (finding_type, (Pair("TA0007", "T1046"),))


def test_override_keeps_the_atlas_ids_of_aws(mapping: AttackMapping) -> None:
    """An override without MITRE ATLAS ids must keep those that AWS names."""
    finding_type = "Impact:IAMUser/PromptInjection.Direct"
    records, _ = read_overrides(record(finding_type), "own.toml", CATALOGUE, GROUPS)
    own = mapping.with_overrides(records).records[finding_type]
    assert own.atlas == mapping.records[finding_type].atlas != ()


def test_overrides_in_the_documentation_are_valid(mapping: AttackMapping) -> None:
    """The example in docs/mapping.md must be valid and override known types."""
    page = (ROOT.parent / "docs" / "mapping.md").read_text(encoding="utf-8")
    records, problems = read_overrides(
        page.partition("```toml\n")[2].partition("```")[0], "own.toml", CATALOGUE
    )
    assert problems == []
    assert len(records) == 2
    assert records.keys() <= mapping.records.keys()
