"""Read the resources of a finding: the affected resource, and those of an attack sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from enricher.finding.event import Finding
from enricher.finding.fields import (
    ROW_LIMIT,
    TEXT_LIMIT,
    Block,
    rows_at,
    text_at,
    text_of,
    texts_at,
    value_at,
)
from enricher.finding.resource_kinds import BY_MEMBER, BY_NAME, BY_SEQUENCE, BY_TYPE, Kind

#: Maximum number of resources of an attack sequence that are read.
MAX_RESOURCES = 100
#: Members of `resource` that are not resources of kinds without a row.
_KNOWN_BLOCKS = BY_MEMBER.keys() | {"kubernetesDetails", "rdsDbUserDetails"}
_ID_KEYS, _NAME_KEYS = ("arn", "id", "identifier"), ("name",)
_OBJECT = BY_NAME["AWS::S3::Object"]


class Resource(NamedTuple):
    """One resource; kind: its CloudFormation type if there is one; uid: id or ARN; name: "" if none."""

    kind: str
    uid: str
    name: str

    @property
    def asff_type(self) -> str:
        """Return the type of the resource in ASFF."""
        kind = BY_NAME.get(self.kind)
        return kind.asff if kind else "Other"

    @property
    def has_row(self) -> bool:
        """Return whether the table has the kind; the kind of any other is GuardDuty's own word."""
        return self.kind in BY_NAME

    @property
    def short_name(self) -> str:
        """Return what a console search finds: an instance's id, else the name, else the end of the ARN."""
        if self.kind == "AWS::EC2::Instance" and self.uid:
            return self.uid
        parts = self.uid.split(":", 5)
        is_generic = self.kind == "AWS::Backup::RecoveryPoint"
        own = parts[5] if len(parts) == 6 and parts[0] == "arn" else self.uid
        return own if is_generic and own else self.name or own


def read_resources(finding: Finding) -> list[Resource]:
    """List the affected resources, then those of an attack sequence, without those that lack id and name."""
    found, resource = [], finding.resource
    kinds = [kind for member in resource if member in BY_MEMBER for kind in BY_MEMBER[member]]
    for _, kind in sorted(kinds):
        for row in _rows(resource, kind):
            uid, name = texts_at(row, (kind.uid, kind.label))
            found.append(Resource(kind.name, uid, name if kind.label else name_tag(row)))
            if "s3ObjectDetails" in row:
                found += [
                    Resource(_OBJECT.name, text_at(item, "objectArn"), text_at(item, "key"))
                    for item in rows_at(row, "s3ObjectDetails")
                ]
    found += _without_row(resource)
    if detection := finding.service.get("detection"):
        found += map(_of_sequence, rows_at(detection, "sequence.resources", MAX_RESOURCES))
    return [resource for resource in found if resource.uid or resource.name]


def main_resource(view: Block, resources: tuple[Resource, ...]) -> Resource | None:
    """Return the resource that the finding is about: of the kind of `resourceType`, else the first one."""
    if len(resources) < 2:
        return resources[0] if resources else None
    stated = text_at(view, "resource.resourceType")
    names = BY_TYPE.get(stated, frozenset((stated,)))
    # The access key is the caller's in most findings: what it acted on comes first, if the finding names it.
    others = (resource for resource in resources if resource.kind != "AWS::IAM::AccessKey")
    of_kind = (resource for resource in resources if resource.kind in names)
    return next(of_kind, None) or next(others, resources[0])


def name_tag(block: object) -> str:
    """Return the value of the resource's Name tag; "" if it has none."""
    return next((text_at(tag, "value") for tag in rows_at(block, "tags") if tag.get("key") == "Name"), "")


def _rows(resource: Block, kind: Kind) -> list[Block]:
    block = value_at(resource, kind.block)
    if isinstance(block, list):
        return rows_at(resource, kind.block)
    return [block] if block and isinstance(block, dict) else []


def _without_row(resource: Block) -> Iterator[Resource]:
    """Yield the resources of kinds that the table lacks, each with the first ID and name in its block."""
    for member, block in resource.items():
        if member in _KNOWN_BLOCKS or not member.endswith("Details"):
            continue
        stated = text_at(resource, "resourceType")
        for row in block[:ROW_LIMIT] if isinstance(block, list) else [block]:
            if isinstance(row, dict):
                kind = stated if stated and stated not in BY_TYPE else member.removesuffix("Details")
                yield Resource(kind, _first(row, _ID_KEYS), _first(row, _NAME_KEYS))


def _first(row: Block, endings: tuple[str, ...]) -> str:
    """Return the first text whose key ends in one of the words; earlier words come first."""
    keys = (key for ending in endings for key in row if key.lower().endswith(ending))
    return next((text for key in keys if (text := text_of(row[key])[:TEXT_LIMIT])), "")


def _of_sequence(row: Block) -> Resource:
    """Return a resource of an attack sequence with the kind and the id that it has in other findings."""
    stated, uid, name = text_at(row, "resourceType"), text_at(row, "uid"), text_at(row, "name")
    kind = BY_SEQUENCE.get(stated)
    if kind is None:
        return Resource(stated, uid, name)
    if kind.uid in ("instanceId", "accessKeyId") and uid.startswith("arn:"):
        uid = uid.rpartition("/")[2]
    if kind.name == "AWS::IAM::AccessKey":
        name = text_at(row, "data.accessKey.userName") or name
    if kind.name == "AWS::EC2::Instance":
        name = name_tag(row) or ("" if name == uid else name)
    return Resource(kind.name, uid, name)
