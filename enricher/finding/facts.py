"""Read the further facts that decide what to do about a finding: threat list, owner, what is unusual.

A fact is shown in every format, whether or not a rule of the mapping uses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from enricher.finding.fields import TEXT_LIMIT, Block, rows_at, text_at, text_of, texts_at, value_at
from enricher.finding.network import named_addresses
from enricher.finding.paths import split_path, walk

#: Words of the keys of tags that decide most, the first ones most: what data a resource holds, whose it is.
_TAG_WORDS = (
    ("data", "classification", "sensitivity", "confidentiality", "pii", "compliance"),
    ("owner", "team"),
    ("environment", "env", "stage"),
    ("name",),
)
_MAX_VALUES = 20
_WORD = re.compile(r"[A-Z]{2,}s?(?![a-z])|[A-Z](?![a-z])|[A-Z]?[a-z0-9]+")
#: Acronyms that GuardDuty also writes in lower case.
_ACRONYMS = {"api": "API", "apis": "APIs", "asn": "ASN", "asns": "ASNs"}
#: Keys of what is unusual, such as unusualASNsUserIdentityProfiling: ASNs, for the user identity.
_PROFILED = re.compile(
    r"(?:is)?[uU]nusual(?P<what>\w+?)(?P<whose>UserIdentity|Account|Bucket|Cluster|Database)?(?:Profiling)?"
)
#: How GuardDuty writes the network of the anomaly model's findings.
_ASN = re.compile(r"asnNumber: (\d+) asnOrg: ")
_DETAILS = ("instanceDetails", "eksClusterDetails", "ecsClusterDetails", "ecsClusterDetails.taskDetails",
            "lambdaDetails", "rdsDbInstanceDetails", "rdsLimitlessDbDetails")  # fmt: skip


#: Path of what the signals of a custom detection rule say: it names what was changed.
SIGNALS = "service.detection.sequence.signals.description"


class Fact(NamedTuple):
    """One fact of a finding; path: where it is under `detail`; values: unescaped, none is empty."""

    path: str
    label: str
    values: tuple[str, ...]


def label_of(key: str) -> str:
    """Return a camelCase key as a label: mountSource -> Mount source."""
    words = " ".join(
        _ACRONYMS.get(word, word if word[:2].isupper() else word.lower()) for word in _WORD.findall(key)
    )
    return words[:1].upper() + words[1:] if words[:1].isalpha() else f"Detail {words}".strip()


def texts_of(value: object) -> tuple[str, ...]:
    """Return a value, or the items of a list, as texts of at most TEXT_LIMIT characters; none is empty."""
    if value is None:
        return ()
    items = value[:_MAX_VALUES] if isinstance(value, list) else [value]
    texts = (str(item).lower() if isinstance(item, bool) else text_of(item) for item in items)
    return tuple(dict.fromkeys(text[:TEXT_LIMIT] for text in texts if text.strip()))


def read_facts(view: Block) -> list[Fact]:
    """List the facts of a finding's detail other than its runtime context, most important first."""
    extra, user = "service.additionalInfo", "resource.kubernetesDetails.kubernetesUserDetails"
    intelligence = "service.evidence.threatIntelligenceDetails"
    rows = rows_at(view, intelligence)
    found = [
        Fact(SIGNALS, "Signal", tuple(_rule_signals(view))),
        Fact(
            f"{intelligence}.threatNames",
            "Threat",
            _distinct(_each(rows, "threatNames"), [value_at(view, f"{extra}.threatName")]),
        ),
        Fact(
            f"{intelligence}.threatListName",
            "Threat list",
            _distinct(_each(rows, "threatListName"), [value_at(view, f"{extra}.threatListName")]),
        ),
        Fact(
            "resource.s3BucketDetails.publicAccess.effectivePermission",
            "Bucket access",
            tuple(_permissions(view)),
        ),
        Fact("service.action.awsApiCallAction.remoteAccountDetails", "Remote account", _remote_account(view)),
        Fact(f"{extra}.unusualBehavior", "Unusual", tuple(_unusual(view))),
        Fact("resource.tags", "Tags", tuple(_tags(view))),
        Fact(
            f"{intelligence}.threatFileSha256",
            "Threat hash",
            _distinct(_each(rows, "threatFileSha256"), [value_at(view, f"{extra}.threatFileSha256")]),
        ),
        *_members(view),
        Fact("resource.accessKeyDetails.sessionName", "Session", tuple(_sessions(view))),
        Fact(
            f"{user}.impersonatedUser",
            "Impersonates",
            texts_of(value_at(view, f"{user}.impersonatedUser.username")),
        ),
        Fact(
            "resource.instanceDetails.iamInstanceProfile",
            "Profile",
            texts_of(value_at(view, "resource.instanceDetails.iamInstanceProfile.arn")),
        ),
        Fact("resource.lambdaDetails.role", "Role", texts_of(value_at(view, "resource.lambdaDetails.role"))),
        Fact(
            "resource.instanceDetails.networkInterfaces",
            "Host addresses",
            tuple(
                f"{kind} {address}"
                for address, kind in named_addresses(value_at(view, "resource.instanceDetails")).items()
            ),
        ),
        Fact(
            "service.ebsVolumeScanDetails.triggerFindingId",
            "Scan for finding",
            texts_of(value_at(view, "service.ebsVolumeScanDetails.triggerFindingId")),
        ),
        Fact(
            "associatedAttackSequenceArn",
            "Part of sequence",
            texts_of(view.get("associatedAttackSequenceArn")),
        ),
    ]
    return [fact for fact in found if fact.values]


def lead_with(view: Block, facts: Iterable[Fact], fields: Sequence[tuple[str, str]]) -> tuple[Fact, ...]:
    """Return the facts, those of some fields (label, path) first; a field that is not a fact becomes one."""
    rest = {fact.path: fact for fact in facts}
    first = []
    for label, path in fields:
        # The path of a fact has no marks of lists.
        plain = path.replace("[]", "")
        fact = rest.pop(plain, None)
        if fact is None:
            fact = Fact(plain, label, texts_of([value for _, value in walk(view, split_path(path), {})]))
        first += [fact] if fact.values else []
    return (*first, *rest.values())


#: Label and path of objects that are shown whole: each member with a value, as "roleRefName cluster-admin".
_OBJECTS = (
    ("Affected", "service.action.awsApiCallAction.affectedResources"),
    ("Role binding", "service.action.kubernetesRoleBindingDetails"),
    ("Cluster role", "service.action.kubernetesRoleDetails"),
    ("Permission checked", "service.action.kubernetesPermissionCheckedDetails"),
    ("Guardrail", "resource.bedrockGuardrailDetails"),
    ("Ports scanned", "service.additionalInfo.portsScannedSample"),
)


def _members(view: Block) -> Iterator[Fact]:
    for label, path in _OBJECTS:
        value = value_at(view, path)
        if isinstance(value, dict):
            pairs = ((key, texts_of(item)) for key, item in list(value.items())[:_MAX_VALUES])
            yield Fact(path, label, tuple(f"{key} {', '.join(texts)}" for key, texts in pairs if texts))
        else:
            yield Fact(path, label, texts_of(value))


def _rule_signals(view: Block) -> Iterator[str]:
    if text_at(view, "resource.resourceType") != "AttackSequence":
        for row in rows_at(view, "service.detection.sequence.signals"):
            yield from texts_of(row.get("description"))


def _each(rows: Iterable[Block], key: str) -> Iterator[object]:
    for row in rows:
        value = row.get(key)
        yield from value if isinstance(value, list) else [value]


def _distinct(*values: Iterable[object]) -> tuple[str, ...]:
    found = [item for part in values for item in part if item is not None]
    return texts_of(found) if found else ()


def _permissions(view: Block) -> Iterator[str]:
    for row in rows_at(view, "resource.s3BucketDetails"):
        if permission := text_at(row, "publicAccess.effectivePermission"):
            yield f"{permission} ({text_at(row, 'name')})" if row.get("name") else permission
    for row in rows_at(view, "service.detection.sequence.resources"):
        if permission := text_at(row, "data.s3Bucket.effectivePermission"):
            yield f"{permission} ({text_at(row, 'name') or text_at(row, 'uid')})"


def _remote_account(view: Block) -> tuple[str, ...]:
    details = value_at(view, "service.action.awsApiCallAction.remoteAccountDetails")
    account, affiliated = text_at(details, "accountId"), value_at(details, "affiliated")
    stated = (
        {True: "affiliated", False: "not affiliated"}.get(affiliated)
        if isinstance(affiliated, bool)
        else None
    )
    service = text_at(details, "awsServiceName")
    notes = ", ".join(note for note in (stated, f"AWS service {service}" if service else "") if note)
    text = f"{account} ({notes})" if account and notes else account or notes
    return (text,) if text else ()


def _sessions(view: Block) -> Iterator[str]:
    # The principal ID of a role is ROLE-ID:SESSION; that of IAM Identity Center has the user as its session.
    if session := text_at(view, "resource.accessKeyDetails.principalId").partition(":")[2]:
        yield session
    yield from texts_of(value_at(view, "resource.kubernetesDetails.kubernetesUserDetails.sessionName"))


def _tags(view: Block) -> list[str]:
    """Return the tags of the resources as KEY=VALUE, those that decide first, those of AWS services last."""
    resource = value_at(view, "resource")
    blocks = [value_at(resource, path) for path in _DETAILS]
    blocks += [
        *rows_at(view, "resource.s3BucketDetails"),
        *rows_at(view, "service.detection.sequence.resources"),
    ]
    found = [texts_at(tag, ("key", "value")) for block in blocks for tag in rows_at(block, "tags")]
    ranked = sorted(((key, value) for key, value in found if key), key=lambda tag: _rank_of_tag(tag[0]))
    return [*dict.fromkeys(f"{key}={value}" if value else key for key, value in ranked)][:_MAX_VALUES]


def _rank_of_tag(key: str) -> int:
    if key.lower().startswith("aws:"):
        return len(_TAG_WORDS) + 1
    words = label_of(key).lower().split()
    return next((rank for rank, group in enumerate(_TAG_WORDS) if any(it in words for it in group)), 4)


def _unusual(view: Block) -> Iterator[str]:
    """Yield what GuardDuty's model finds unusual: "APIs for the user identity: CreateAccessKey"."""
    for block in ("unusualBehavior", "unusual"):
        stated = value_at(view, f"service.additionalInfo.{block}")
        for key, value in list(stated.items())[:_MAX_VALUES] if isinstance(stated, dict) else ():
            texts = texts_of([*value.values()] if isinstance(value, dict) else value)
            texts = tuple(_ASN.sub(r"AS\1 ", text).replace(" , ", ", ") for text in texts)
            if texts and texts != ("false",):
                yield _unusual_text(key, "" if texts == ("true",) else ", ".join(texts))
    behavior = value_at(view, "service.detection.anomaly.unusual.behavior")
    for whose, features in list(behavior.items())[:_MAX_VALUES] if isinstance(behavior, dict) else ():
        for key, feature in list(features.items())[:_MAX_VALUES] if isinstance(features, dict) else ():
            observed = value_at(feature, "observations")
            numbers = texts_of(value_at(observed, "number")) if isinstance(observed, dict) else ()
            if texts := (*texts_of(value_at(observed, "text")), *numbers):
                yield f"{label_of(key)} for {label_of(whose).lower()}: {', '.join(texts)}"


def _unusual_text(key: str, values: str) -> str:
    match = _PROFILED.fullmatch(key)
    what, whose = (match["what"], match["whose"] or "") if match else (key, "")
    head = f"{label_of(what)} for the {label_of(whose).lower()}" if whose else label_of(what)
    return f"{head}: {values}" if values else head
