"""Load our layers in the Navigator's own layer library and compare what it gives back.

Not part of the tests, as the library brings 237 MB of dependencies: run it where mitreattack-python is
installed, `python .ci/check_layer.py`. The library accepts unknown ids and tactics: tests/cli/test_layer.py
checks those, this checks that it reads the format and loses nothing.
"""

import json
import subprocess
import sys
from typing import Any

from mitreattack.navlayers import Layer

CHOICES: list[list[str]] = [[], ["--attack-version", "18.1"], ["--fired", "events/awkward-repeat.json"]]


def write_layer(options: list[str]) -> dict[str, Any]:
    """Write a layer with the command line, in a process of its own."""
    command = [sys.executable, "-m", "enricher", "layer", *options]
    written: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return written


def differences(ours: dict[str, Any]) -> list[str]:
    """List what the library lost or changed; a layer that it refuses comes back as None."""
    layer = Layer()
    layer.from_dict(ours)
    theirs = layer.to_dict()
    if theirs is None:
        return ["refused"]
    keys = [key for key in ours if key != "techniques" and not _holds(ours[key], theirs.get(key))]
    given = {(item["techniqueID"], item["tactic"]): item for item in theirs["techniques"]}
    cells = [
        f"{item['techniqueID']} {item['tactic']}"
        for item in ours["techniques"]
        if not _holds(item, given.get((item["techniqueID"], item["tactic"])))
    ]
    return [*keys, *cells]


def _holds(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(_holds(value, theirs.get(key)) for key, value in ours.items())
    return bool(ours == theirs)


def main() -> int:
    """Check each layer; give 1 if one does not come back as it went in."""
    code = 0
    for options in CHOICES:
        ours = write_layer(options)
        lost = differences(ours)
        print(
            f"layer {' '.join(options)}: {len(ours['techniques'])} cells, {', '.join(lost) or 'nothing lost'}"
        )
        code |= bool(lost)
    return code


if __name__ == "__main__":
    sys.exit(main())
