"""Load the layers in MITRE's own layer library and compare its output with the input.

Not part of the tests, as the library has 237 MB of dependencies: run `python .ci/check_layer.py` where
mitreattack-python is installed. The library accepts unknown ids and tactics, which tests/cli/test_layer.py
checks; this checks that the library reads the format and loses nothing.
"""

import json
import subprocess
import sys
from typing import Any

from mitreattack.navlayers import Layer

OPTIONS: list[list[str]] = [
    [],
    ["--retired"],
    ["--attack-version", "18.1"],
    ["--observed", "events/awkward-repeat.json"],
]


def write_layer(options: list[str]) -> dict[str, Any]:
    """Return the layer that `enricher layer` prints, run in a separate process."""
    command = [sys.executable, "-m", "enricher", "layer", *options]
    layer: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return layer


def differences(original: dict[str, Any]) -> list[str]:
    """Return the keys and cells that the library lost or changed; it returns None for an invalid layer."""
    layer = Layer()
    layer.from_dict(original)
    loaded = layer.to_dict()
    if loaded is None:
        return ["rejected as invalid"]
    keys = [key for key in original if key != "techniques" and not _contains(original[key], loaded.get(key))]
    returned = {(item["techniqueID"], item["tactic"]): item for item in loaded["techniques"]}
    cells = [
        f"{item['techniqueID']} {item['tactic']}"
        for item in original["techniques"]
        if not _contains(item, returned.get((item["techniqueID"], item["tactic"])))
    ]
    return [*keys, *cells]


def _contains(original: Any, loaded: Any) -> bool:
    if isinstance(original, dict) and isinstance(loaded, dict):
        return all(_contains(value, loaded.get(key)) for key, value in original.items())
    return bool(original == loaded)


def main() -> int:
    """Check each layer; return 1 if one is not preserved, else 0."""
    code = 0
    for options in OPTIONS:
        original = write_layer(options)
        lost = differences(original)
        result = ", ".join(lost) or "nothing lost"
        print(f"layer {' '.join(options)}: {len(original['techniques'])} cells, {result}")
        code |= bool(lost)
    return code


if __name__ == "__main__":
    sys.exit(main())
