"""Generate the findings of a schedule, each with its updates, and invalid messages."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from enricher.attack.catalog import Catalogue, Pair
from enricher.mapping.model import AttackMapping, Record

ACCOUNT, MEMBER, REGION = "111122223333", "444455556666", "eu-west-1"
_DETECTOR = f"arn:aws:guardduty:{REGION}:%s:detector/d0/finding/"
_TYPES = {
    "UnauthorizedAccess:EC2/SSHBruteForce": Pair("TA0006", "T1110"),
    "Recon:EC2/PortProbeUnprotectedPort": Pair("TA0043", "T1595"),
    "Stealth:IAMUser/CloudTrailLoggingDisabled": Pair("TA0112", "T1685"),
    "Exfiltration:S3/AnomalousBehavior": Pair("TA0010", "T1537"),
}
_UNMAPPED = "Policy:S3/BucketBlockPublicAccessDisabled"
_SEVERITIES = (2, 5, 8, 9.5)
INVALID_MESSAGES = (
    "",
    "not JSON",
    "[]",
    '{"detail-type":"GuardDuty Finding"}',
    '{"detail":{"type":5}}',
    "[" * 3000,
)


@cache
def small_mapping() -> AttackMapping:
    """Return a mapping of the few finding types that the schedules use."""
    root = Path(__file__).parent.parent.parent
    catalogue = Catalogue.from_json(
        json.loads((root / "mapping" / "attack.json").read_text(encoding="utf-8"))
    )
    records = {
        name: Record(name, (pair,), "high", "why", "project", "test.toml") for name, pair in _TYPES.items()
    }
    # A record without techniques: a type without a record would be derived from its name, which is slow.
    records[_UNMAPPED] = Record(_UNMAPPED, (), "low", "why", "project", "test.toml")
    return AttackMapping("2026.11.0", catalogue, records)


@dataclass(frozen=True, slots=True)
class Update:
    """One update of a finding, or an invalid message, which has no updated_at.

    at: when it is sent, in seconds since the epoch; rank: severity from 0 to 3; facts: the addresses,
    principals and techniques in it.
    """

    arn: str
    updated_at: str
    at: float
    body: str
    rank: int = 0
    archived: bool = False
    facts: frozenset[str] = frozenset()

    @property
    def dedup_id(self) -> str:
        """Return the `alert.dedupId` that its published event has."""
        identity = f"{self.arn}|{self.updated_at}"
        if self.updated_at and not self.arn:
            identity = json.dumps(json.loads(self.body)["detail"], sort_keys=True)
        return hashlib.sha256(identity.encode()).hexdigest()


def make_updates(rng: random.Random, count: int, start: float, spacing: float) -> list[Update]:
    """Return at least `count` updates; those of one finding are at least `spacing` seconds apart."""
    updates: list[Update] = []
    while len(updates) < count:
        updates += _one_finding(rng, len(updates), start, spacing)
    return updates


def _one_finding(rng: random.Random, number: int, start: float, spacing: float) -> list[Update]:
    if rng.random() < 0.005:
        return [Update("", "", start + rng.random() * 3600, rng.choice(INVALID_MESSAGES))]
    account = MEMBER if rng.random() < 0.05 else ACCOUNT
    arn = "" if rng.random() < 0.005 else (_DETECTOR % account) + f"f{number}"
    finding_type = rng.choice((*_TYPES, _UNMAPPED))
    at = start + rng.random() * 3600
    archived, updates = False, []
    for step in range(rng.choice((1, 1, 2, 2, 3, 5))):
        at += step and spacing * (1 + rng.random())
        archived = not archived if step and rng.random() < 0.15 else archived
        if rng.random() < 0.05:
            finding_type = rng.choice(tuple(_TYPES))
        # Events come in bursts, once a minute, so that batches fill.
        burst = at - at % 60
        updates.append(
            _one_update(rng, arn, account, finding_type, burst, archived=archived, number=number + step)
        )
    return updates


def _one_update(
    rng: random.Random, arn: str, account: str, finding_type: str, at: float, *, archived: bool, number: int
) -> Update:
    severity = rng.choice(_SEVERITIES)
    address, user = f"198.51.100.{rng.randrange(4)}", f"user{rng.randrange(2)}"
    moment = dt.datetime.fromtimestamp(at, dt.UTC)
    # A few have more keys than fit into a message: they must not hold back their batch.
    keys = "".join(f'"key{key}":"{"x" * 40}",' for key in range(6_000 if rng.random() < 0.001 else 0))
    # A distinct microsecond distinguishes updates without an ARN.
    updated_at = f"{moment:%Y-%m-%dT%H:%M:%S}.{number % 10**6:06d}Z"
    body = (
        f'{{"id":"e{number}","detail-type":"GuardDuty Finding","source":"aws.guardduty","region":"{REGION}",'
        f'"detail":{{{keys}"accountId":"{account}","region":"{REGION}","partition":"aws",'
        f'"arn":"{arn}","id":"f{number}",'
        f'"type":"{finding_type}","severity":{severity},"title":"t","description":"d",'
        f'"createdAt":"{updated_at}","updatedAt":"{updated_at}",'
        f'"resource":{{"accessKeyDetails":{{"userType":"IAMUser","userName":"{user}"}}}},'
        f'"service":{{"archived":{str(archived).lower()},"count":1,"action":{{"awsApiCallAction":'
        f'{{"remoteIpDetails":{{"ipAddressV4":"{address}"}}}}}}}}}}}}'
    )
    technique = _TYPES[finding_type].technique if finding_type in _TYPES else None
    facts = frozenset(fact for fact in (address, user, technique) if fact)
    return Update(arn, updated_at, at, body, _SEVERITIES.index(severity), archived, facts)
