#!/usr/bin/env bash
# pysigma-backend-kusto 1.0.1 with pySigma 1.5.1.
# Expected: a field with a dot becomes a path, alert.severity, as KQL reads a property of a dynamic column.
# Seen: it becomes a constant, 'alert.severity' =~ "HIGH", which is valid KQL, compares two texts and never matches.
# For us: the pipeline siem/sigma/pipelines/kusto.yml maps every field to a column without a dot.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pysigma==1.5.1 pysigma-backend-kusto==1.0.1
"$folder/venv/bin/python" - <<'PY'
from sigma.backends.kusto import KustoBackend
from sigma.collection import SigmaCollection

rule = """
title: High severity
logsource: {product: aws, service: guardduty}
detection: {selection: {alert.severity: HIGH}, condition: selection}
"""
[query] = KustoBackend().convert(SigmaCollection.from_yaml(rule))
print(query)
raise SystemExit(query != "'alert.severity' =~ \"HIGH\"")
PY
