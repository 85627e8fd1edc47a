"""Read from template.yaml the rule's event pattern and the queue's redrive policy for the emulated AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"


class _Loader(yaml.SafeLoader):
    """A YAML loader for CloudFormation templates; intrinsic functions become {"!Name": argument}."""


def _read_intrinsic(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return {f"!{tag}": loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {f"!{tag}": loader.construct_mapping(node, deep=True)}
    return {f"!{tag}": node.value}


_Loader.add_multi_constructor("!", _read_intrinsic)


def read_template() -> tuple[dict[str, Any], int]:
    """Return the rule's event pattern, for the default parameters, and the SIEM queue's maxReceiveCount."""
    resources = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)["Resources"]  # noqa: S506 - a SafeLoader
    rules = [item for item in resources.values() if item["Type"] == "AWS::Events::Rule"]
    queues = [
        item["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        for name, item in resources.items()
        if item["Type"] == "AWS::SQS::Queue"
        and "RedrivePolicy" in item["Properties"]
        and "siem" in name.lower()
    ]
    return _with_defaults(rules[0]["Properties"]["EventPattern"]), int(queues[0])


def _with_defaults(value: Any) -> Any:
    # With the default parameters every condition of the pattern is false: all severities, samples included.
    if isinstance(value, dict):
        if "!If" in value:
            return _with_defaults(value["!If"][2])
        kept = {key: _with_defaults(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item != {"!Ref": "AWS::NoValue"}}
    return [_with_defaults(item) for item in value] if isinstance(value, list) else value
