#!/usr/bin/env bash
# bigquery-schema-generator 1.6.1, which infers a schema as `bq load --autodetect` does.
# Expected: an AWS account ID, a JSON string of twelve digits, becomes a STRING; a JSON string says that it is text.
# Seen: INTEGER, so a load with this schema drops the leading zero of 012345678901 and no join finds the account.
# With another text in the same column it becomes STRING, so the type depends on the lines that were sampled.
# For us: docs/formats.md names the option --quoted_values_are_strings, and make readers checks the type with it.
# Exits 0 while this is so, 1 once it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check bigquery-schema-generator==1.6.1
"$folder/venv/bin/python" - <<'PYTHON'
import io
import json
import sys

from bigquery_schema_generator.generate_schema import SchemaGenerator


def types(*accounts: str, **options: object) -> dict[str, str]:
    """Return column -> type for lines with these account IDs."""
    lines = "\n".join(json.dumps({"accountId": account, "region": "eu-west-1"}) for account in accounts)
    generator = SchemaGenerator(input_format="json", **options)
    schema, _ = generator.deduce_schema(io.StringIO(lines))
    return {column["name"]: column["type"] for column in generator.flatten_schema(schema)}


seen = {
    "digits only": types("012345678901", "111122223333")["accountId"],
    "digits and a word": types("012345678901", "unknown")["accountId"],
    "quoted values are strings": types("012345678901", quoted_values_are_strings=True)["accountId"],
}
for case, column in seen.items():
    print(f"{case:26} {column}")
sys.exit(list(seen.values()) != ["INTEGER", "STRING", "STRING"])
PYTHON
