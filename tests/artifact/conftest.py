"""Build the artifact once, with the script that `sam build` runs, and start a moto server for it."""

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
    """Return an artifact built with the Python that runs the tests; `sam build` itself requires 3.13."""
    folder = tmp_path_factory.mktemp("artifact") / "function"
    subprocess.run([sys.executable, ROOT / "build_tools" / "artifact.py", folder], check=True)
    return folder


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Start a moto server on a free port; yield its URL."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
