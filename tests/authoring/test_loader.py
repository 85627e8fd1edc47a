"""Reading the mapping as people write it, and naming every fault in it."""

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
from enricher.authoring.loader import ROOT, bundle_of, read_catalogue, read_mapping
from enricher.mapping.model import OVERRIDE, Mapping
from enricher.mapping.problems import Fault, InvalidMapping
from enricher.mapping.records import KEYS, PAIR_KEYS, read_overrides, read_record
from tests.tiny_mapping import record, write_mapping

CATALOGUE = read_catalogue()
SCHEMA = Draft7Validator(
    json.loads((ROOT / "record.schema.json").read_text(encoding="utf-8")), format_checker=FormatChecker()
)

#: A change to a valid record, and the fault that must be named.
FAULTS = {
    "type": ('"Recon:Portscan"', "type is 'Recon:Portscan': expected ThreatPurpose:Resource/Family"),
    "attack": ("", "attack is missing"),
    "confidence": ('"sure"', "confidence is 'sure': expected high, medium, low"),
    "rationale": ('" "', "rationale is missing"),
    "caveats": ("7", "caveats is no string"),
    "references": ('["http://example.com"]', "references is no list of https:// addresses"),
    "lineage": ('"mine"', "lineage is 'mine': expected 2020, aws, project"),
    "reviewed": ('"soon"', "reviewed is no date"),
    "retired": ("2021", "retired is no date"),
    "successor": ("[]", "successor is no string"),
    "atlas": ('[{ id = "T1", name = "x" }]', "atlas is no list of"),
    "colour": ('"red"', "unknown key 'colour'"),
}
ENTRY_FAULTS = {
    '{ technique = "T1046" }': "None is no tactic of ATT&CK 19.2",
    '{ tactic = ["TA0007"], technique = "T1046" }': "tactic is no string",
    '{ tactic = "TA0007", technique = 1046 }': "technique is no string",
    '{ tactic = "TA0007", technique = "T1046", score = 3 }': "unknown key 'score'",
    '{ tactic = "TA0007", former = "T1046" }': "former says nothing without a technique",
}
#: What only the catalogue knows, and no schema can.
CATALOGUE_FAULTS = {
    '{ tactic = "TA9999", technique = "T1046" }': "'TA9999' is no tactic of ATT&CK 19.2",
    '{ tactic = "TA0007", technique = "T9999" }': "'T9999' is no active technique of ATT&CK 19.2",
    '{ tactic = "TA0005", technique = "T1562.008" }': "revoked, now T1685.002 Disable or Modify Cloud Log",
    '{ tactic = "TA0001", technique = "T1046" }': (
        "T1046 does not belong to TA0001: ATT&CK 19.2 lists it under TA0007"
    ),
    '{ tactic = "TA0112", technique = "T1685", former = "T1110" }': (
        "former 'T1110' did not become T1685: expected one of T1562, T1562.001, T1562.006"
    ),
    '{ tactic = "TA0007", technique = "T1046", former_tactic = "TA0040" }': (
        "former_tactic 'TA0040': T1046 was listed under TA0007"
    ),
    '{ tactic = "TA0002", technique = "T1574.006" }': "say which with former_tactic",
}


def _judge(text: str) -> tuple[list[str], list[str]]:
    """Give what the validator and what the schema say of a text with one record."""
    data = tomllib.loads(text)
    _, ours = read_record(data["finding"][0], "x", CATALOGUE)
    plain = json.loads(json.dumps(data, default=date.isoformat))
    return ours, [error.message for error in SCHEMA.iter_errors(plain)]


@pytest.mark.parametrize("key", FAULTS)
def test_fault_of_a_field_is_named_and_the_schema_agrees(key: str) -> None:
    """A record with one bad field must get one fault from the validator, and at least one from the schema."""
    value, expected = FAULTS[key]
    ours, theirs = _judge(record("Recon:EC2/Portscan", **{key: value}))
    assert [message[: len(expected)] for message in ours] == [expected]
    assert theirs != []


@pytest.mark.parametrize("entry", ENTRY_FAULTS)
def test_fault_of_an_entry_is_named_and_the_schema_agrees(entry: str) -> None:
    """An entry of the wrong shape must get one fault from the validator, and at least one from the schema."""
    ours, theirs = _judge(record("Recon:EC2/Portscan", attack=f"[{entry}]"))
    assert len(ours) == 1
    assert ours[0].startswith(f"attack entry 1: {ENTRY_FAULTS[entry]}")
    assert theirs != []


@pytest.mark.parametrize("entry", CATALOGUE_FAULTS)
def test_fault_that_only_the_catalogue_knows_is_named(entry: str) -> None:
    """Ids that are unknown, revoked or do not belong together must be named, with what would be right."""
    ours, _ = _judge(record("Recon:EC2/Portscan", attack=f"[{entry}]"))
    assert len(ours) == 1
    assert CATALOGUE_FAULTS[entry] in ours[0]


def test_a_fourth_entry_and_a_repeated_one_are_faults() -> None:
    """Three different entries are the ceiling, for the validator and for the schema."""
    same = '{ tactic = "TA0007", technique = "T1046" }'
    ours, theirs = _judge(record("Recon:EC2/Portscan", attack=f"[{', '.join([same] * 4)}]"))
    assert ours == [
        "attack has 4 entries: 3 is the ceiling, keep what the finding shows",
        *(f"attack entry {place}: TA0007 T1046 is listed twice" for place in (2, 3, 4)),
    ]
    assert len(theirs) == 2


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.toml")), ids=lambda path: path.stem)
def test_schema_accepts_every_bundled_file(path: Path) -> None:
    """What the validator accepts, an editor must not underline."""
    plain = json.loads(json.dumps(tomllib.loads(path.read_text(encoding="utf-8")), default=date.isoformat))
    assert [error.message for error in SCHEMA.iter_errors(plain)] == []


_ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, *PAIR_KEYS, "id"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*KEYS, "colour"]), _ODD))
def test_whatever_a_record_holds_is_a_fault_and_no_traceback(item: dict[str, Any]) -> None:
    """A record of any shape must be read or be told what is wrong with it; the validator must not break."""
    found, messages = read_record(item, "x", CATALOGUE)
    assert (found is None) == (messages != [])


def test_known_gap_needs_no_confidence() -> None:
    """`attack = []` with a rationale and without a confidence must be accepted by validator and schema."""
    assert _judge(record("Recon:EC2/Portscan", attack="[]", confidence="")) == ([], [])


def test_ten_planted_faults_are_all_named_in_one_run(tmp_path: Path) -> None:
    """A mapping with ten faults in several files must name the file, the type and the reason of all ten."""
    revoked = '[{ tactic = "TA0005", technique = "T1562.001" }]'
    stranger = '[{ tactic = "TA0040", technique = "T1046" }]'
    files = {
        "ec2.toml": record("Recon:EC2/One", attack=revoked)
        + record("Recon:EC2/Two", attack=stranger)
        + record("Recon:EC2/Three", rationale="")
        + record("Recon:EC2/Four", confidence='"certain"')
        + record("Recon:EC2/Five", lineage='"hearsay"'),
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
    assert [(fault.file, fault.subject, fault.message.split(":")[0]) for fault in caught.value.faults] == [
        ("ec2.toml", "Recon:EC2/Five", "lineage is 'hearsay'"),
        ("ec2.toml", "Recon:EC2/Four", "confidence is 'certain'"),
        ("ec2.toml", "Recon:EC2/One", "attack entry 1"),
        ("ec2.toml", "Recon:EC2/Three", "rationale is missing"),
        ("ec2.toml", "Recon:EC2/Two", "attack entry 1"),
        ("iam.toml", "Recon:IAMUser/Six", "reviewed is no date"),
        ("lambda.toml", "Recon:Lambda/Ten", "has no record"),
        ("rds.toml", "", "not TOML"),
        ("s3.toml", "Recon:IAMUser/Seven", "recorded twice, also in iam.toml"),
        ("s3.toml", "Recon:S3/Eight", "is not listed in finding-types.csv"),
    ]


def test_record_in_the_wrong_file_is_named(tmp_path: Path) -> None:
    """A record must stand in the file of its page, where a reviewer looks for it."""
    root = write_mapping(tmp_path / "mapping", {"s3.toml": record("Recon:EC2/One")}, {"Recon:EC2/One": "ec2"})
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(root)
    expected = Fault("s3.toml", "Recon:EC2/One", "belongs in ec2.toml, as finding-types.csv says")
    assert caught.value.faults == (expected,)


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("VERSION", "1.0", Fault("VERSION", "", "'1.0' is no version: expected YEAR.MONTH.NUMBER")),
        (
            "finding-types.csv",
            "type,status,file,replaced_by\nRecon:EC2/One,active,ec2,\nRecon:EC2/One,active,ec2,\n",
            Fault("finding-types.csv", "Recon:EC2/One", "is listed 2 times"),
        ),
        (
            "finding-types.csv",
            "type,status,file,replaced_by\nRecon:EC2/One,asleep,ec2,\n",
            Fault(
                "finding-types.csv", "Recon:EC2/One", "status is 'asleep': expected active, retired, alias"
            ),
        ),
        (
            "finding-types.csv",
            "type,status,file,replaced_by\nRecon:EC2/One,active,ec2,\nRecon:EC2/1,alias,ec2,Recon:EC2/Two\n",
            Fault("finding-types.csv", "Recon:EC2/1", "alias of 'Recon:EC2/Two', which is not listed"),
        ),
        (
            "ec2.toml",
            record("Recon:EC2/One", successor='"Recon:EC2/Next"'),
            Fault("ec2.toml", "Recon:EC2/One", "successor 'Recon:EC2/Next' is not listed"),
        ),
    ],
)
def test_fault_beside_the_records_is_named(file: str, text: str, fault: Fault, tmp_path: Path) -> None:
    """What is wrong with the version, the list of types or a successor must be named like any fault."""
    root = write_mapping(
        tmp_path / "mapping", {"ec2.toml": record("Recon:EC2/One")}, {"Recon:EC2/One": "ec2"}
    )
    (root / file).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(root)
    assert caught.value.faults == (fault,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("finding = 7", "`finding` is no list of tables"),
        ("finding = [7]", "`finding` is no list of tables"),
        ('pages = "x"', "unknown key 'pages'"),
    ],
)
def test_file_of_another_shape_is_a_fault(text: str, message: str) -> None:
    """A file that holds no list of records must be named as such."""
    _, faults = read_overrides(text, "own.toml", CATALOGUE)
    assert [(fault.file, fault.subject) for fault in faults] == [("own.toml", "")]
    assert faults[0].message.startswith(message)


def test_bundle_is_the_same_mapping(mapping: Mapping) -> None:
    """What the Lambda loads must be the mapping that people wrote, through JSON and back."""
    again = Mapping.from_bundle(json.loads(json.dumps(bundle_of(mapping))))
    assert again.records == mapping.records
    assert again.aliases == mapping.aliases
    assert again.evidence == mapping.evidence
    assert again.catalogue == mapping.catalogue
    assert again.version == mapping.version


def test_override_needs_neither_lineage_nor_date() -> None:
    """A team's record is judged like ours but for lineage and review date; one mistake costs one override."""
    good: dict[str, Any] = {"lineage": "", "reviewed": "", "confidence": '"low"'}
    text = record("Recon:EC2/Portscan", **good) + record("Recon:EC2/Two", confidence='"maybe"')
    records, faults = read_overrides(text, "own.toml", CATALOGUE)
    assert [(key, item.confidence, item.lineage) for key, item in records.items()] == [
        ("Recon:EC2/Portscan", "low", OVERRIDE)
    ]
    assert [fault.subject for fault in faults] == ["Recon:EC2/Two"]


def test_second_override_of_a_type_is_refused() -> None:
    """Of two overrides of one type the first must serve, and the second be named."""
    text = record("Recon:EC2/Portscan", confidence='"low"') + record("Recon:EC2/Portscan")
    records, faults = read_overrides(text, "own.toml", CATALOGUE)
    assert records["Recon:EC2/Portscan"].confidence == "low"
    assert faults == [Fault("own.toml", "Recon:EC2/Portscan", "overridden twice, the first serves")]


def test_override_of_an_alias_serves_its_type(mapping: Mapping) -> None:
    """An override under another spelling must replace the record of the type."""
    alias, finding_type = next(iter(mapping.aliases.items()))
    records, _ = read_overrides(record(alias), "own.toml", CATALOGUE)
    own = mapping.with_overrides(records).record_for(finding_type)
    assert own is not None
    assert (own.type, own.pairs) == (finding_type, (Pair("TA0007", "T1046"),))


def test_override_keeps_the_atlas_ids_of_aws(mapping: Mapping) -> None:
    """An override that says nothing of MITRE ATLAS must not lose the ids that AWS names."""
    finding_type = "Impact:IAMUser/PromptInjection.Direct"
    records, _ = read_overrides(record(finding_type), "own.toml", CATALOGUE)
    own = mapping.with_overrides(records).records[finding_type]
    assert own.atlas == mapping.records[finding_type].atlas != ()


def test_overrides_in_the_documentation_are_valid(mapping: Mapping) -> None:
    """The example that a team copies from docs/mapping.md must be read without a fault, for known types."""
    page = (ROOT.parent / "docs" / "mapping.md").read_text(encoding="utf-8")
    records, faults = read_overrides(
        page.partition("```toml\n")[2].partition("```")[0], "own.toml", CATALOGUE
    )
    assert faults == []
    assert len(records) == 2
    assert records.keys() <= mapping.records.keys()
