#!/usr/bin/env bash
# mitreattack-python 6.3.1, MITRE's library for Navigator layers, format 4.5.
# Expected: a valid layer that is read and written again keeps its scores, metadata and links.
# Seen: a score of 2.7 becomes 2, a divider in the metadata and the links of the layer are gone; links of a technique
# with their divider stay.
# For us: scores are whole numbers, metadata plain rows, and nothing rests on links of the layer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check mitreattack-python==6.3.1
cd "$folder"
venv/bin/python - <<'PY'
from mitreattack.navlayers import Layer

link = {"label": "ATT&CK", "url": "https://attack.mitre.org/"}
rows = [{"name": "a", "value": "b"}, {"divider": True}, {"name": "c", "value": "d"}]
technique = {"techniqueID": "T1046", "tactic": "discovery", "score": 2.7, "metadata": rows, "links": [link]}
given = {
    "name": "example",
    "versions": {"attack": "16", "navigator": "5.1.0", "layer": "4.5"},
    "domain": "enterprise-attack",
    "techniques": [technique],
    "links": [link],
}
layer = Layer()
layer.from_dict(given)
read = layer.to_dict()
cell = read["techniques"][0]
print("score 2.7 ->", cell["score"])
print("metadata", rows, "->", cell["metadata"])
print("links of the layer:", len(given["links"]), "->", len(read.get("links", [])))
raise SystemExit((cell["score"], len(cell["metadata"]), "links" in read) != (2, 2, False))
PY
