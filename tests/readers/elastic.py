"""Hold the index templates of Elasticsearch and OpenSearch to ECS and to the documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.formats.ecs_fields import FIELDS
from tests.readers.bodies import lines_of
from tests.readers.node import FOLDER, run
from tests.readers.outcome import Outcome
from tests.readers.sigma_rules import SIEM

#: ECS types that OpenSearch has under another name.
_OPENSEARCH = {"match_only_text": "text", "constant_keyword": "keyword", "wildcard": "keyword"}
_PATTERNS = {"elastic": "logs-guardduty_attack.finding-*", "opensearch": "guardduty-attack-*"}


def templates() -> Iterator[tuple[Path, str]]:
    """Yield path and text of each index template: every field a document may have, with its type in ECS."""
    ecs = run("ecs.js")
    types = {name: ecs[name]["type"] if name in ecs else "keyword" for name in sorted(FIELDS)}
    for target, pattern in _PATTERNS.items():
        names = _OPENSEARCH if target == "opensearch" else {}
        properties = _properties({name: names.get(kind, kind) for name, kind in types.items()})
        template: dict[str, Any] = {"index_patterns": [pattern], "priority": 500}
        if target == "elastic":
            template["data_stream"] = {}
        mappings = {"dynamic": False, "date_detection": False, "properties": properties}
        template["template"] = {"mappings": mappings}
        yield SIEM / target / "index-template.json", json.dumps(template, indent=2) + "\n"


def check_documents(documents: Path) -> Iterator[Outcome]:
    """Every field must be ECS's, with its arity, or a label; FIELDS must have ECS's types."""
    ecs = run("ecs.js")
    families = {
        "text": "text",
        "match_only_text": "text",
        "wildcard": "keyword",
        "constant_keyword": "keyword",
    }
    for name, kind in FIELDS.items():
        # event.original is a keyword that is not indexed, so its length has no limit.
        if name.startswith("labels.") or name == "event.original":
            continue
        stated = ecs[name]["type"]
        assert families.get(stated, stated) == kind.removeprefix("*"), f"{name} is {stated} in ECS"
        assert ecs[name]["array"] == kind.startswith("*"), name
    for line in lines_of(documents):
        for name, value in _leaves(json.loads(line)).items():
            assert isinstance(value, list) == FIELDS[name].startswith("*"), name
    lock = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))
    release = lock["packages"]["node_modules/@elastic/ecs"]["version"]
    yield Outcome(
        f"Elastic's ECS {release}", "every example in ecs; index templates", "every field in ECS or labels"
    )


def _leaves(block: dict[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in block.items():
        name = f"{path}{key}"
        if isinstance(value, dict) and not name.endswith("geo.location"):
            found |= _leaves(value, f"{name}.")
        else:
            found[name] = value
    return found


def _properties(types: dict[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, kind in types.items():
        *parents, leaf = name.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {"properties": {}})["properties"]
        # Not indexed: the original finding is for display, and is longer than a keyword may be.
        index = {"index": False, "doc_values": False} if name == "event.original" else {}
        place[leaf] = {
            "type": kind,
            **({"ignore_above": 1024} if kind == "keyword" and not index else {}),
            **index,
        }
    return tree
