"""Run a built artifact as Lambda does: by its runtime client, with a small server as the Runtime API.

The API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. What this does not prove: arm64,
Amazon Linux, IAM, and the share of a core that a small function has after init.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

#: Lambda keeps its runtime client outside of the function's folder; these are what it consists of.
CLIENT_PACKAGES = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")

#: Neither site-packages nor the clone: the artifact has all that it imports, or it fails.
BOOTSTRAP = """
import sys
artifact, client, handler = sys.argv[1:]
sys.path[:0] = [artifact]
sys.path.append(client)
from awslambdaric.__main__ import main
main(["awslambdaric", handler])
"""
ANSWER_SECONDS = 30


class FunctionFailed(AssertionError):
    """Carry what the function answered instead of a result, and its log."""


class LambdaRuntime:
    """Hold one running function; a context manager that starts and ends its process.

    init_seconds: from the start of the process to its first request for work, known after the first `invoke`.
    """

    def __init__(self, artifact: Path, handler: str, environment: dict[str, str], scratch: Path) -> None:
        self.artifact, self.handler, self.environment = artifact, handler, environment
        self.client = link_client(scratch / "runtime-client")
        self.log = scratch / f"{artifact.name}.log"
        self.work: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.ready = threading.Event()
        self.init_seconds = 0.0

    def __enter__(self) -> LambdaRuntime:
        """Start the API and the function."""
        self.server = _Server(("127.0.0.1", 0), _api_of(self))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        api = f"127.0.0.1:{self.server.server_port}"
        self.started = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", BOOTSTRAP, self.artifact, self.client, self.handler],
                env=lambda_environment(self.artifact, self.handler, api) | self.environment,
                cwd=self.artifact,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the function and the API."""
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.server.server_close()

    def invoke(self, event: Any) -> Any:
        """Give the function an event; give its answer, or raise FunctionFailed."""
        self.work.put(("invocation", json.dumps(event).encode()))
        try:
            kind, answer = self.answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            kind, answer = "no answer", None
        if kind != "response":
            raise FunctionFailed(
                f"{kind}: {answer}\n{self.log.read_text(encoding='utf-8', errors='replace')}"
            )
        return answer

    def log_lines(self) -> list[dict[str, Any]]:
        """Give what the function logged as JSON, oldest first."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def lambda_environment(artifact: Path, handler: str, api: str) -> dict[str, str]:
    """Give the variables that Lambda sets, with a Region and credentials that are nobody's."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_RUNTIME_API": api,
        "LAMBDA_TASK_ROOT": os.fspath(artifact),
        "PATH": os.environ["PATH"],
        "_HANDLER": handler,
    }


def link_client(folder: Path) -> Path:
    """Make a folder with links to Lambda's runtime client alone; give the folder."""
    folder.mkdir(exist_ok=True)
    for name in CLIENT_PACKAGES:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        found = Path(spec.origin)
        source = found.parent if found.name == "__init__.py" else found
        link = folder / source.name
        if not link.exists():
            link.symlink_to(source)
    return folder


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments: Any) -> None:
        """Stay silent when the function's process has been ended in the middle of a request."""


def _api_of(runtime: LambdaRuntime) -> type[BaseHTTPRequestHandler]:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not runtime.ready.is_set():
                runtime.init_seconds = time.perf_counter() - runtime.started
                runtime.ready.set()
            request_id, body = runtime.work.get()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 60) * 1000)))
            self.send_header(
                "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:111122223333:function:f"
            )
            self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            runtime.answers.put((self.path.rpartition("/")[2], json.loads(body or b"null")))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Stay silent."""

    return Api
