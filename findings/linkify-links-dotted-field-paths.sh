#!/usr/bin/env bash
# linkify-it-py 2.2.0, the linkifier of markdown-it-py: the path of a field of a GuardDuty finding becomes a
# link if its last step is a top-level domain, as `name` and `id` are.
# Expected: service.runtimeDetails.process.name is text, as service.runtimeDetails.process.user is.
# Seen: it is linked as http://service.runtimeDetails.process.name; so are host.name and host.id of ECS
# and evidences.process.name of OCSF.
# Exits 0 while this is so, 1 once it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check linkify-it-py==2.2.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from linkify_it import LinkifyIt

EXPECTED = {
    "service.runtimeDetails.process.name": True,
    "host.name": True,
    "evidences.process.name": True,
    "service.runtimeDetails.process.user": False,
    "host.id": True,
    "process.parent.pid": False,
}
linkifier = LinkifyIt()
seen = {path: bool(linkifier.match(path)) for path in EXPECTED}
for path, linked in seen.items():
    print(f"{'linked' if linked else 'text':7} {path}")
sys.exit(seen != EXPECTED)
PYTHON
