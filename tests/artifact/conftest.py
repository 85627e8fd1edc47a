"""Build the artifact once, with the recipe that `sam build` runs, and serve an AWS for it."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from tests.template.stack import ROOT


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the artifact with the Python that runs the tests; the recipe itself insists on the Lambda's."""
    folder = tmp_path_factory.mktemp("artifact") / "function"
    subprocess.run([sys.executable, ROOT / "build_tools" / "artifact.py", folder], check=True)
    return folder


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Serve moto on a free port; give its address."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
