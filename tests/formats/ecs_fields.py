"""The fields that the format ecs may write, with their types; `make readers` compares them with Elastic's."""

from __future__ import annotations

RESOURCE_LABELS = (
    "access_key", "bucket", "resource", "resource_name", "resource_type", "database", "image_id",
    "instance_profile", "vpc_id", "subnet_id", "security_group", "malware", "threat_list", "threat_name",
)  # fmt: skip
#: Type of each field that may be present, as ECS 9.4 defines it; a leading * marks an array.
FIELDS = {
    "@timestamp": "date",
    "message": "text",
    "ecs.version": "keyword",
    **{
        f"event.{name}": "keyword"
        for name in ("kind", "action", "outcome", "id", "code", "reason", "provider")
    },
    **{f"event.{name}": "keyword" for name in ("module", "dataset", "url")},
    **{f"event.{name}": "date" for name in ("created", "start", "end")},
    "event.original": "text",
    "event.category": "*keyword",
    "event.type": "*keyword",
    "event.severity": "long",
    "event.risk_score": "float",
    "threat.framework": "keyword",
    **{f"threat.tactic.{name}": "*keyword" for name in ("id", "name", "reference")},
    **{f"threat.technique.{name}": "*keyword" for name in ("id", "name", "reference")},
    **{f"threat.technique.subtechnique.{name}": "*keyword" for name in ("id", "name", "reference")},
    **{f"rule.{name}": "keyword" for name in ("name", "category", "ruleset", "description")},
    **{f"cloud.{name}": "keyword" for name in ("provider", "account.id", "region", "service.name")},
    **{
        f"cloud.{name}": "keyword"
        for name in ("availability_zone", "instance.id", "instance.name", "account.name")
    },
    "cloud.machine.type": "keyword",
    "threat.software.name": "keyword",
    "service.target.name": "keyword",
    **{f"observer.{name}": "keyword" for name in ("vendor", "product")},
    **{
        f"{side}.{name}": kind
        for side in ("source", "destination")
        for name, kind in {
            "address": "keyword",
            "ip": "ip",
            "domain": "keyword",
            "port": "long",
            "as.number": "long",
            "as.organization.name": "keyword",
            "geo.city_name": "keyword",
            "geo.country_name": "keyword",
            "geo.country_iso_code": "keyword",
            "geo.location": "geo_point",
        }.items()
    },
    **{f"network.{name}": "keyword" for name in ("direction", "transport", "type")},
    "dns.question.name": "keyword",
    "dns.type": "keyword",
    **{f"user.{name}": "keyword" for name in ("name", "id")},
    "user.roles": "*keyword",
    "user_agent.original": "keyword",
    **{f"host.{name}": "keyword" for name in ("id", "name", "hostname", "type", "os.platform", "os.type")},
    "host.ip": "*ip",
    **{f"process.{name}": "keyword" for name in ("name", "executable", "hash.sha256", "entity_id")},
    **{
        f"process.{name}": "keyword" for name in ("user.name", "user.id", "working_directory", "command_line")
    },
    **{f"process.parent.{name}": "keyword" for name in ("name", "executable", "entity_id")},
    "process.pid": "long",
    "process.parent.pid": "long",
    "process.start": "date",
    **{f"container.{name}": "keyword" for name in ("id", "name", "image.name", "runtime")},
    "container.image.tag": "*keyword",
    "container.image.hash.all": "*keyword",
    **{f"orchestrator.{name}": "keyword" for name in ("type", "cluster.name", "cluster.id", "namespace")},
    **{f"orchestrator.resource.{name}": "keyword" for name in ("name", "type", "id")},
    **{f"faas.{name}": "keyword" for name in ("id", "name", "version")},
    **{f"file.{name}": "keyword" for name in ("path", "name", "hash.sha256")},
    "related.ip": "*ip",
    **{f"related.{name}": "*keyword" for name in ("user", "hosts", "hash")},
    **{
        f"labels.{name}": "keyword"
        for name in (
            "archived",
            "attack_version",
            "attack_mapping",
            "attack_status",
            "attack_confidence",
            "attack_source",
            "attack_tactic",
            "attack_technique",
            "archived",
            "benign",
            "changes",
            "check",
            "principal",
            "related",
            "finding_arn",
            "finding_id",
            "occurrence",
            "resource_role",
            "sample",
            "severity",
        )
    },
    **{f"labels.{name}": "*keyword" for name in ("attack_reasons", "atlas", "truncated", *RESOURCE_LABELS)},
}
