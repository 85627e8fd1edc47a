#!/usr/bin/env bash
# splunk-appinspect 4.3.1.
# Expected: an add-on whose transforms.conf names a lookup file that is not in the package fails the inspection.
# Seen: no failure and no error; in Splunk the automatic lookup then fails on every search of the sourcetype.
# For us: make readers checks file and fields of the lookup by itself (tests/readers/splunk.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check splunk-appinspect==4.3.1
mkdir -p "$folder/example/default" "$folder/example/metadata"
cd "$folder"
printf '%s\n' '[install]' 'is_configured = false' '[package]' 'id = example' 'check_for_updates = false' '[ui]' \
    'is_visible = false' 'label = Example' '[launcher]' 'author = Example' 'description = Example.' 'version = 1.0.0' \
    '[id]' 'name = example' 'version = 1.0.0' >example/default/app.conf
printf '%s\n' '[example]' 'filename = absent.csv' >example/default/transforms.conf
printf '%s\n' '[aws:cloudwatch:guardduty]' 'LOOKUP-example = example type OUTPUT technique' >example/default/props.conf
printf '%s\n' '[]' 'access = read : [ * ], write : [ admin, sc_admin ]' >example/metadata/default.meta
tar --owner=0 --group=0 -czf example.tgz example
venv/bin/splunk-appinspect inspect example.tgz --mode precert --output-file report.json >/dev/null 2>&1
venv/bin/python - <<'PY'
import json

summary = json.load(open("report.json"))["summary"]
print("lookup file in the package: no; AppInspect:", {key: summary[key] for key in ("failure", "error")})
raise SystemExit((summary["failure"], summary["error"]) != (0, 0))
PY
