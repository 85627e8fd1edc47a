"""Resolve the conditions and intrinsic functions of template.yaml for given parameters.

Values that only a deployment has are placeholders: a reference to a resource is "<SiemQueue>", an attribute
of it "<SiemQueue.Arn>", a pseudo parameter its value in PSEUDO.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from build_tools.sam_template import read_template

ROOT = Path(__file__).parents[2]
PSEUDO = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "stack",
}
ROUTES = ("Siem", "SecurityHub", "Notification")
ALL_ON = {"SiemRoute": "on", "SecurityHubRoute": "annotate", "NotificationRoute": "text"}
_ABSENT = object()


@cache
def template() -> dict[str, Any]:
    """Return template.yaml with full function names. The result is cached: do not modify it."""
    return read_template()


class Stack:
    """The template resolved with the given parameters, the others at their defaults."""

    def __init__(self, **parameters: str) -> None:
        rows = template()["Parameters"]
        assert parameters.keys() <= rows.keys()
        self.parameters: dict[str, Any] = {
            **PSEUDO,
            **{name: parameters.get(name, str(row["Default"])) for name, row in rows.items()},
        }
        for name, row in rows.items():
            if row["Type"] == "CommaDelimitedList":  # an empty text is a list with one empty text
                self.parameters[name] = self.parameters[name].split(",")
        self.globals = self.resolve(template()["Globals"]["Function"])
        self.resources: dict[str, dict[str, Any]] = {
            name: self.resolve(resource)
            for name, resource in template()["Resources"].items()
            if self.is_present(resource)
        }

    @classmethod
    def in_region(cls, region: str, **parameters: str) -> Stack:
        """Return the stack as it is in another Region than that of PSEUDO."""
        with patch.dict(PSEUDO, {"AWS::Region": region}):
            return cls(**parameters)

    def is_present(self, item: dict[str, Any]) -> bool:
        """Return whether the Condition of a resource or output holds in this stack."""
        return "Condition" not in item or self.condition(item["Condition"])

    def condition(self, name: str) -> bool:
        """Evaluate a named condition."""
        return bool(self.resolve(template()["Conditions"][name]))

    def properties(self, name: str) -> dict[str, Any]:
        """Return the properties of a resource, by logical ID."""
        found: dict[str, Any] = self.resources[name]["Properties"]
        return found

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of all resources of a type, by logical ID."""
        return {name: row["Properties"] for name, row in self.resources.items() if row["Type"] == kind}

    def function(self, route: str) -> dict[str, Any]:
        """Return a route's function with Globals merged in as SAM does: environment variables one by one."""
        own = self.properties(f"{route}Function")
        variables = {
            **self.globals["Environment"]["Variables"],
            **own["Environment"]["Variables"],
        }
        return {**self.globals, **own, "Environment": {"Variables": variables}}

    def statements(self, route: str) -> list[dict[str, Any]]:
        """Return all policy statements of a route's role, including the managed policies of this template."""
        role = self.properties(f"{route}Role")
        documents = [policy["PolicyDocument"] for policy in role["Policies"]]
        attached = [self.properties(name.strip("<>")) for name in role.get("ManagedPolicyArns", [])]
        documents += [policy["PolicyDocument"] for policy in attached]
        return [statement for document in documents for statement in document["Statement"]]

    def resolve(self, value: Any) -> Any:
        """Resolve every intrinsic function in a value; drop AWS::NoValue from its list or mapping."""
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not _ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(key, argument)] = value.items()
            if key in ("Ref", "Condition") and isinstance(argument, str):
                return self._ref(argument) if key == "Ref" else self.condition(argument)
            if key.startswith("Fn::"):
                return getattr(self, f"_{key[4:].lower()}")(argument)
        pairs = (
            (key, self.resolve(item)) for key, item in value.items() if key != "Condition" or _is_block(item)
        )
        return {key: item for key, item in pairs if item is not _ABSENT}

    def _ref(self, name: str) -> Any:
        return _ABSENT if name == "AWS::NoValue" else self.parameters.get(name, f"<{name}>")

    def _getatt(self, parts: list[str]) -> str:
        return f"<{'.'.join(parts)}>"

    def _if(self, parts: list[Any]) -> Any:
        condition, yes, no = parts
        return self.resolve(yes if self.condition(condition) else no)

    def _equals(self, parts: list[Any]) -> bool:
        first, second = self.resolve(parts)
        return str(first) == str(second)  # a Number parameter is a text

    def _not(self, parts: list[Any]) -> bool:
        return not self.resolve(parts[0])

    def _and(self, parts: list[Any]) -> bool:
        return all(self.resolve(parts))

    def _or(self, parts: list[Any]) -> bool:
        return any(self.resolve(parts))

    def _join(self, parts: list[Any]) -> str:
        separator, items = self.resolve(parts)
        return str(separator).join(items)

    def _split(self, parts: list[Any]) -> list[str]:
        separator, text = self.resolve(parts)
        return list(text.split(separator))

    def _select(self, parts: list[Any]) -> Any:
        index, items = self.resolve(parts)
        return items[int(index)]

    def _sub(self, argument: Any) -> str:
        text, extra = (argument, {}) if isinstance(argument, str) else argument
        names = {**self.parameters, **self.resolve(extra)}
        return re.sub(r"\$\{([^}]+)\}", lambda match: str(names.get(match[1], f"<{match[1]}>")), text)


def _is_block(item: Any) -> bool:
    """Distinguish the Condition block of a policy statement from the Condition of a resource, a name."""
    return isinstance(item, dict)
