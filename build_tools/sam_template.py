"""Read template.yaml, set defaults of its parameters, and expand it as the SAM transform does.

    python -m build_tools.sam_template FOLDER

writes what the linters of `make template` read into FOLDER: all-routes-on.json (a linter that evaluates
conditions does so with the parameters' defaults, and would skip a route that is off) and expanded.json (rules
for plain CloudFormation resources are silent on SAM's).
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from boto3.session import Session
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent

#: Parameters that switch everything on that a default leaves off.
ALL_ON = {
    "SiemRoute": "on",
    "SecurityHubRoute": "annotate",
    "NotificationRoute": "text",
    "MappingOverrides": "ssm:/guardduty/overrides",
    "AccountNames": "on",
    "NoFindingsHours": 24,
    "NotificationEmail": "soc@example.com",
    "OperationsEmail": "ops@example.com",
    "SiemAccount": "444455556666",
    "Tracing": "on",
    "VpcSubnetIds": "subnet-0123456789abcdef0",
    "VpcSecurityGroupIds": "sg-0123456789abcdef0",
}

#: Where a template without a build says that the artifact is; the transform requires one.
ANY_ARTIFACT = {"Bucket": "bucket", "Key": "artifact.zip"}


class _Loader(yaml.SafeLoader):
    """Load the short forms of intrinsic functions (!Ref, !Sub) as their full names."""


def _long_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    key = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {key: value.split(".", 1) if tag == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {key: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {key: loader.construct_mapping(node, deep=True)}
    raise yaml.YAMLError(f"{tag}: an intrinsic function needs an argument")


_Loader.add_multi_constructor("!", _long_form)


def read_template(path: Path = ROOT / "template.yaml") -> dict[str, Any]:
    """Return a template with the full names of intrinsic functions."""
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return loaded


def with_defaults(template: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of the template in which the parameters have other defaults."""
    changed = copy.deepcopy(template)
    for name, value in defaults.items():
        changed["Parameters"][name]["Default"] = value
    return changed


def expand(template: dict[str, Any], artifact: dict[str, Any] = ANY_ARTIFACT) -> dict[str, Any]:
    """Return the template as plain CloudFormation: the SAM transform applied.

    artifact: Bucket and Key of the functions' artifact, which may be intrinsic functions.
    """
    source = copy.deepcopy(template)
    source["Globals"]["Function"]["CodeUri"] = artifact
    # Any Region will do: SAM uses it for the partition of AWS's managed policies, and the template has none.
    session = Session(region_name="us-east-1")
    plain: dict[str, Any] = Translator({}, Parser(), boto_session=session).translate(source, {})
    return plain


def main() -> None:
    """Write the two templates into the folder given on the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    template = read_template()
    for name, content in (
        ("all-routes-on", with_defaults(template, ALL_ON)),
        ("expanded", expand(template)),
    ):
        text = json.dumps(content, indent=1)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
