"""Build the package with the mapping in it, compiled for the code and as written for the command line."""

import json
import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithMapping(build_py):
    """Compile the mapping into the built package; an invalid record fails the build with every problem."""

    def run(self) -> None:
        """Build the modules, then write the bundle and copy the mapping's source beside its loader."""
        super().run()
        if self.editable_mode:
            return  # the clone's own mapping is read
        sys.path.insert(0, str(ROOT))
        # Of the clone that is being built.
        from enricher.authoring.bundle import bundle_of  # noqa: PLC0415
        from enricher.authoring.loader import read_mapping  # noqa: PLC0415

        package = Path(self.build_lib) / "enricher"
        source = ROOT / "mapping"
        bundle = json.dumps(bundle_of(read_mapping(source), source), separators=(",", ":"))
        (package / "bundle.json").write_text(bundle, encoding="utf-8")
        shutil.copytree(source, package / "authoring" / "mapping", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithMapping})
