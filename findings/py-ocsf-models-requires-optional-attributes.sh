#!/usr/bin/env bash
# py-ocsf-models 0.10.0, Pydantic models of OCSF, with a Detection Finding that has what OCSF requires.
# Expected: the model accepts an account with `uid` alone (OCSF: at least one of name and uid), an owner with `uid`
# alone, and the service of an API call with its `name` alone (at least one of name and uid).
# Seen: each of the three is refused for missing fields, so valid events of other producers cannot be read with it.
# For us: readers of our OCSF bodies are the schema itself (make readers), not this library; accountName is "" unless
# it is switched on, and a name that is not known is left out, never invented.
# Exits 0 while this is so, 1 once it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check py-ocsf-models==0.10.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from py_ocsf_models.objects.account import Account
from py_ocsf_models.objects.api import API
from py_ocsf_models.objects.user import User
from pydantic import ValidationError

CASES = {
    "account": (Account, {"uid": "111122223333"}),
    "owner": (User, {"uid": "111122223333"}),
    "api": (API, {"operation": "CreateAccessKey", "service": {"name": "iam.amazonaws.com"}}),
}


def missing(model: type, values: dict[str, str]) -> list[str]:
    """Return the attributes that the model wants beside these."""
    try:
        model(**values)
    except ValidationError as refusal:
        return [".".join(map(str, error["loc"])) for error in refusal.errors() if error["type"] == "missing"]
    return []


seen = {name: missing(*case) for name, case in CASES.items()}
for name, fields in seen.items():
    print(f"{name:8} refused, wants {', '.join(fields)}" if fields else f"{name:8} accepted")
sys.exit(not all(seen.values()))
PYTHON
