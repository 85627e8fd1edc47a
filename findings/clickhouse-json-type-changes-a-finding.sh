#!/usr/bin/env bash
# chdb 4.4.0 (ClickHouse 26.9), type JSON.
# Expected: a document that is stored in a column of type JSON is read back with the same keys and values.
# Seen: a key whose value is null is gone, and an ISO 8601 time comes back as another text.
# For us: siem/sql/clickhouse.sql keeps the body in a String.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check chdb==4.4.0
cd "$folder"
venv/bin/python - <<'PY'
import json

import chdb

given = {"updatedAt": "2026-06-24T03:16:37.715Z", "userAgent": None, "count": 1}
answer = chdb.query(f"SELECT '{json.dumps(given)}'::JSON AS body", "JSONEachRow")
read = json.loads(str(answer))["body"]
print("given:", given)
print("read: ", read)
raise SystemExit("userAgent" in read or read.get("updatedAt") == given["updatedAt"])
PY
