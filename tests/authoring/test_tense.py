"""Test that no text which may stand under a denied call claims that the call had an effect."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from enricher.authoring.loader import ROOT
from enricher.authoring.rule_examples import put
from enricher.authoring.tense import check_tense, claims_of, reads_a_call
from enricher.cli import main
from enricher.enrichment.enrich import enrich
from enricher.enrichment.ranking import DENIED_CALL
from enricher.finding.event import Finding
from enricher.formats.text import render
from enricher.mapping.model import AttackMapping

CALL = "service.action.awsApiCallAction"
CLUSTER = "service.action.kubernetesApiCallAction"
RULES = [
    item
    for path in sorted((ROOT / "evidence").glob("*.toml"))
    for item in tomllib.loads(path.read_text(encoding="utf-8")).get("rule", [])
    if reads_a_call(item)
]


@pytest.mark.parametrize(
    "text",
    [
        "Objects were deleted.",
        "The key was used.",
        "An identity made calls that it does not make.",
        "A caller requested secrets of the cluster.",
        "Requests listed the buckets.",
        "The call deleted it.",
        "The role has been changed.",
        "A principal that had never done so.",
        "Access came from outside.",
        "Anyone may now read the bucket.",
        "The credentials are stolen.",
    ],
)
def test_claim_is_reported(text: str) -> None:
    """A past or perfect tense, "now" and a compromise that is not known must be reported."""
    assert list(claims_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "Objects are deleted.",
        "A call associated with it, listed in the finding, is made with credentials of another role.",
        "The key has permissions that the attached policies need.",
        "An identity reads the stored secrets, which are encrypted.",
        "If nobody explains it, the key is stolen.",
    ],
)
def test_present_tense_is_accepted(text: str) -> None:
    """The present tense, participles and a hedged explanation must be accepted."""
    assert [] == list(claims_of(text))


def test_bundled_texts_claim_nothing() -> None:
    """Every sentence of a rule or record on calls must be true of a call that was denied."""
    assert [] == list(check_tense(ROOT))


@pytest.mark.parametrize(
    ("file", "old", "subject"),
    [
        ("iam.toml", "A CloudTrail trail is deleted", "Stealth:IAMUser/CloudTrailLoggingDisabled"),
        ("evidence/kubernetes.toml", "Secrets are read", "kubernetes-secrets-read"),
        ("evidence/call-names.toml", "the call sends a message", "name-sent"),
    ],
)
def test_claim_is_a_problem_with_its_line(file: str, old: str, subject: str, tmp_path: Path) -> None:
    """A text that claims an effect must be a problem with file, line and phrase."""
    root = shutil.copytree(ROOT, tmp_path / "mapping")
    text = (root / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (root / file).write_text(text.replace(old, f"Nothing was safe; {old}"), encoding="utf-8")
    line = text[: text.index(old)].count("\n")
    [problem] = check_tense(root)
    expected = f"{file}:{line}: {subject}: `rationale`: 'was' is in the past tense, but "
    assert str(problem).startswith(expected)


def test_validate_reports_a_claim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command `validate` must fail for a text that claims an effect."""
    root = shutil.copytree(ROOT, tmp_path / "mapping")
    text = (root / "s3.toml").read_text(encoding="utf-8")
    (root / "s3.toml").write_text(text.replace("Objects are deleted", "Objects were deleted"), "utf-8")
    assert 1 == main(["validate", str(root)])
    assert "Impact:S3/AnomalousBehavior.Delete: `rationale`: 'were'" in capsys.readouterr().err


def _denied(item: dict[str, Any]) -> Finding:
    """Return a finding with the rule's first call, or its first example, denied."""
    if "calls" in item:
        finding_type = "Impact:IAMUser/AnomalousBehavior"
        fields = {f"{CALL}.api": item["calls"][0], f"{CALL}.serviceName": item["services"][0]}
    elif "verbs" in item:
        finding_type = "Odd:Thing/Made"
        fields = {f"{CALL}.api": f"{item['verbs'][0]}{item.get('nouns', ['Thing'])[0]}"}
    else:
        finding_type, fields = item["example"][0]["type"], item["example"][0]["fields"]
    detail: dict[str, Any] = {"type": finding_type, "accountId": "111122223333", "region": "eu-west-1"}
    for path, value in fields.items():
        put(detail, path, value)
    if any(path.startswith(CLUSTER) for path in fields):
        put(detail, f"{CLUSTER}.statusCode", 403)
        put(detail, f"{CLUSTER}.verb", fields.get(f"{CLUSTER}.verb", "create"))
    else:
        put(detail, f"{CALL}.api", fields.get(f"{CALL}.api", "GetObject"))
        put(detail, f"{CALL}.errorCode", "AccessDenied")
    return Finding.from_detail(detail)


@pytest.mark.parametrize("item", RULES, ids=lambda item: item["id"])
def test_alert_on_a_denied_call_claims_nothing(item: dict[str, Any], mapping: AttackMapping) -> None:
    """The e-mail on a denied call must say that it was denied, and its reasons must claim no effect."""
    enriched = enrich(_denied(item), mapping)
    text = render(enriched, 262_144)
    assert "Denied (" in text
    assert "nothing changed." in text
    assert re.search(r" was denied\b| failed to log in to ", text)
    why = text.partition("\nWHY ")[2].partition("\n\n")[0]
    reasons = [row["rationale"].removeprefix(DENIED_CALL) for row in enriched.attack["techniques"]]
    assert [] == [claim for reason in (*reasons, why) for claim in claims_of(reason)]
