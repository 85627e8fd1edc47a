"""Make the findings of a schedule, each with its updates, and events that are no findings at all."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from enricher.attack.catalog import Catalogue, Pair
from enricher.mapping.model import Mapping, Record

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
POISON = ("", "not JSON", "[]", '{"detail-type":"GuardDuty Finding"}', '{"detail":{"type":5}}', "[" * 3000)


@cache
def small_mapping() -> Mapping:
    """Give a mapping of the few types that the schedules use."""
    root = Path(__file__).parent.parent.parent
    catalogue = Catalogue.from_json(
        json.loads((root / "mapping" / "attack.json").read_text(encoding="utf-8"))
    )
    records = {
        name: Record(name, (pair,), "high", "why", "project", "test.toml") for name, pair in _TYPES.items()
    }
    # A gap on record; a type without one would be guessed at from its name, which takes its time.
    records[_UNMAPPED] = Record(_UNMAPPED, (), "low", "why", "project", "test.toml")
    return Mapping("2026.11.0", catalogue, records)


@dataclass(frozen=True, slots=True)
class Update:
    """Hold one update of a finding. at: when it is sent, in seconds; rank: the severity from 0 to 3."""

    arn: str
    updated_at: str
    at: float
    body: str
    rank: int = 0
    archived: bool = False
    facts: frozenset[str] = frozenset()

    @property
    def dedup_id(self) -> str:
        """Give what names the update in what is published."""
        identity = f"{self.arn}|{self.updated_at}"
        if self.updated_at and not self.arn:
            identity = json.dumps(json.loads(self.body)["detail"], sort_keys=True)
        return hashlib.sha256(identity.encode()).hexdigest()


def make_updates(chance: random.Random, count: int, start: float, spacing: float) -> list[Update]:
    """Make findings until there are `count` updates, those of one finding `spacing` seconds apart."""
    updates: list[Update] = []
    while len(updates) < count:
        updates += _one_finding(chance, len(updates), start, spacing)
    return updates


def _one_finding(chance: random.Random, number: int, start: float, spacing: float) -> list[Update]:
    if chance.random() < 0.005:
        return [Update("", "", start + chance.random() * 3600, chance.choice(POISON))]
    account = MEMBER if chance.random() < 0.05 else ACCOUNT
    arn = "" if chance.random() < 0.005 else (_DETECTOR % account) + f"f{number}"
    kind = chance.choice((*_TYPES, _UNMAPPED))
    at = start + chance.random() * 3600
    archived, updates = False, []
    for step in range(chance.choice((1, 1, 2, 2, 3, 5))):
        at += step and spacing * (1 + chance.random())
        archived = not archived if step and chance.random() < 0.15 else archived
        if chance.random() < 0.05:
            kind = chance.choice(tuple(_TYPES))
        # Events come in bursts, once a minute, so that batches fill.
        burst = at - at % 60
        updates.append(
            _one_update(chance, arn, account, kind, burst, archived=archived, number=number + step)
        )
    return updates


def _one_update(
    chance: random.Random, arn: str, account: str, kind: str, at: float, *, archived: bool, number: int
) -> Update:
    severity = chance.choice(_SEVERITIES)
    address, user = f"198.51.100.{chance.randrange(4)}", f"user{chance.randrange(2)}"
    moment = dt.datetime.fromtimestamp(at, dt.UTC)
    # A microsecond of its own keeps apart what has no ARN.
    updated_at = f"{moment:%Y-%m-%dT%H:%M:%S}.{number % 10**6:06d}Z"
    body = (
        f'{{"id":"e{number}","detail-type":"GuardDuty Finding","source":"aws.guardduty","region":"{REGION}",'
        f'"detail":{{"accountId":"{account}","region":"{REGION}","partition":"aws",'
        f'"arn":"{arn}","id":"f{number}",'
        f'"type":"{kind}","severity":{severity},"title":"t","description":"d",'
        f'"createdAt":"{updated_at}","updatedAt":"{updated_at}",'
        f'"resource":{{"accessKeyDetails":{{"userType":"IAMUser","userName":"{user}"}}}},'
        f'"service":{{"archived":{str(archived).lower()},"count":1,"action":{{"awsApiCallAction":'
        f'{{"remoteIpDetails":{{"ipAddressV4":"{address}"}}}}}}}}}}}}'
    )
    technique = _TYPES[kind].technique if kind in _TYPES else None
    facts = frozenset(fact for fact in (address, user, technique) if fact)
    return Update(arn, updated_at, at, body, _SEVERITIES.index(severity), archived, facts)
