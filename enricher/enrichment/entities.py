"""List who and what a finding is about: the stable keys by which a SIEM joins findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypedDict

from enricher.finding.event import Finding
from enricher.finding.fields import Block, block_at, rows_at, text_at, texts_at, value_at

#: A closed list: docs/enriched-event.schema.json has the same one.
Kind = Literal[
    "account", "access-key", "principal", "instance", "bucket", "cluster", "task", "database", "function",
    "remote-address",
]  # fmt: skip

#: This project's own limits: entities per finding, and characters of an ID (a longer one is left out, not
#: cut: a cut ID would join with other resources).
MAX_ENTITIES, MAX_ID_LENGTH = 50, 512
UNKNOWN_ACCOUNT = "unknown"

#: kind, path under `resource` of an object or a list of objects, keys of the ID in order of preference: the
#: ARN comes first.
_RESOURCES: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    ("instance", "instanceDetails", ("instanceId",)),
    ("bucket", "s3BucketDetails", ("arn", "name")),
    ("cluster", "eksClusterDetails", ("arn", "name")),
    ("cluster", "ecsClusterDetails", ("arn", "name")),
    ("task", "ecsClusterDetails.taskDetails", ("arn",)),
    ("database", "rdsDbInstanceDetails", ("dbInstanceArn", "dbInstanceIdentifier")),
    ("database", "rdsLimitlessDbDetails", ("dbShardGroupArn", "dbShardGroupIdentifier")),
    ("function", "lambdaDetails", ("functionArn", "functionName")),
)
_BY_MEMBER = tuple((path.partition(".")[0], kind, path, keys) for kind, path, keys in _RESOURCES)
#: The kinds of an attack sequence's resources, by GuardDuty's `resourceType`.
_SEQUENCE_KINDS: dict[str, Kind] = {
    "EC2_INSTANCE": "instance",
    "S3_BUCKET": "bucket",
    "EKS_CLUSTER": "cluster",
    "ECS_CLUSTER": "cluster",
    "ECS_TASK": "task",
    "ACCESS_KEY": "access-key",
}
#: The actions with one remote endpoint.
_PEERS = ("awsApiCallAction", "networkConnectionAction", "kubernetesApiCallAction", "rdsLoginAttemptAction")


class Entity(TypedDict):
    """One entity: its kind and an ID that is the same in every finding about it."""

    kind: Kind
    id: str


def entities_of(finding: Finding) -> list[Entity]:
    """Return the entities of a finding, distinct, the account first, at most MAX_ENTITIES.

    IDs are finding content as it came: the ARN where the finding has it, never one built here; a user or role
    is ACCOUNT/user/NAME or ACCOUNT/role/NAME, without its session.
    """
    account = finding.account
    account = account if 0 < len(account) <= MAX_ID_LENGTH else UNKNOWN_ACCOUNT
    found: dict[tuple[Kind, str], None] = {("account", account): None}
    for kind, name in _entities(finding, account):
        if 0 < len(name) <= MAX_ID_LENGTH and len(found) < MAX_ENTITIES:
            found[kind, name] = None
    return [{"kind": kind, "id": name} for kind, name in found]


def _entities(finding: Finding, account: str) -> Iterator[tuple[Kind, str]]:
    resource, action, detection = finding.resource, finding.action, finding.service.get("detection")
    sequence = block_at(detection, "sequence") if detection else {}
    if key := resource.get("accessKeyDetails"):
        key_id, user_type, user_name = texts_at(key, ("accessKeyId", "userType", "userName"))
        yield "access-key", key_id
        yield "principal", _principal(account, user_type, user_name)
    for user in (value_at(actor, "user") for actor in (rows_at(sequence, "actors") if sequence else ())):
        yield "access-key", text_at(user, "credentialUid")
        owner = text_at(user, "account.uid") or account
        yield "principal", _principal(owner, text_at(user, "type"), text_at(user, "name"))
    for member, kind, path, keys in _BY_MEMBER:
        if member in resource and (block := value_at(resource, path)):
            for row in rows_at(resource, path) if isinstance(block, list) else [block]:
                yield kind, next(filter(None, texts_at(row, keys)), "")
    for row in rows_at(sequence, "resources") if sequence else ():
        if kind_of_row := _SEQUENCE_KINDS.get(text_at(row, "resourceType")):
            yield kind_of_row, text_at(row, "uid") or text_at(row, "name")
        key, owner = value_at(row, "data.accessKey"), text_at(row, "accountId") or account
        yield "principal", _principal(owner, text_at(key, "userType"), text_at(key, "userName"))
    for address in _remote_addresses(action, sequence):
        yield "remote-address", address
    if call := action.get("awsApiCallAction"):
        yield "account", text_at(call, "remoteAccountDetails.accountId")


def _principal(account: str, kind: str, name: str) -> str:
    if kind in _ROLES:
        return f"{account}/role/{name.partition('/')[0]}" if name else ""
    if kind == "Root":
        return f"{account}/root"
    return f"{account}/user/{name}" if kind == "IAMUser" and name else ""


#: GuardDuty's user types that name a role; `userName` is then the role's name.
_ROLES = frozenset(("AssumedRole", "Role"))


def _remote_addresses(action: Block, sequence: Block) -> Iterator[str]:
    peers = [value_at(action[name], "remoteIpDetails") for name in _PEERS if name in action]
    probes = rows_at(action, "portProbeAction.portProbeDetails") if "portProbeAction" in action else ()
    peers += [value_at(probe, "remoteIpDetails") for probe in probes]
    for peer in filter(None, peers):
        yield text_at(peer, "ipAddressV4")
        yield text_at(peer, "ipAddressV6")
    call = action.get("kubernetesApiCallAction")
    sources = value_at(call, "sourceIPs") if call else None
    yield from (text for text in sources if isinstance(text, str)) if isinstance(sources, list) else ()
    for endpoint in rows_at(sequence, "endpoints") if sequence else ():
        yield text_at(endpoint, "ip")
