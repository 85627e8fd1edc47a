"""Run a built artifact as Lambda does: with its runtime interface client and a small Runtime API server.

The API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. Not covered: arm64, Amazon Linux,
IAM, and the fraction of a vCPU that a small function has after init.
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

#: The packages of the runtime interface client, which Lambda keeps outside of the function's folder.
CLIENT_PACKAGES = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")

#: Without site-packages and the clone: an import that is not in the artifact fails.
BOOTSTRAP = """
import sys
artifact, client, handler = sys.argv[1:]
sys.path[:0] = [artifact]
sys.path.append(client)
from awslambdaric.__main__ import main
main(["awslambdaric", handler])
"""
RESPONSE_SECONDS = 30


class FunctionFailed(AssertionError):
    """The function returned an error or no response; the message has the error and the log."""


class LambdaRuntime:
    """One running function; a context manager that starts and ends its process.

    init_seconds: from the start of the process to its first request for an invocation, set by the first
    `invoke`.
    """

    def __init__(self, artifact: Path, handler: str, environment: dict[str, str], scratch: Path) -> None:
        self.artifact, self.handler, self.environment = artifact, handler, environment
        self.client = link_client(scratch / "runtime-client")
        self.log = scratch / f"{artifact.name}.log"
        self.invocations: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.responses: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.ready = threading.Event()
        self.init_seconds = 0.0

    def __enter__(self) -> LambdaRuntime:
        """Start the Runtime API and the function."""
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
        """End the function and the Runtime API."""
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.server.server_close()

    def invoke(self, event: Any) -> Any:
        """Invoke the function with an event; return its response, or raise FunctionFailed."""
        self.invocations.put(("invocation", json.dumps(event).encode()))
        try:
            kind, response = self.responses.get(timeout=RESPONSE_SECONDS)
        except queue.Empty:
            kind, response = "no response", None
        if kind != "response":
            raise FunctionFailed(
                f"{kind}: {response}\n{self.log.read_text(encoding='utf-8', errors='replace')}"
            )
        return response

    def log_lines(self) -> list[dict[str, Any]]:
        """Return the JSON objects that the function logged, oldest first."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def lambda_environment(artifact: Path, handler: str, api: str) -> dict[str, str]:
    """Return the environment variables that Lambda sets, with made-up credentials and Region."""
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
    """Fill a folder with links to only the packages of the runtime interface client; return the folder."""
    folder.mkdir(exist_ok=True)
    for name in CLIENT_PACKAGES:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        link = folder / source.name
        if not link.exists():
            link.symlink_to(source)
    return folder


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments: Any) -> None:
        """Ignore errors: the function's process is killed in the middle of a request."""


def _api_of(runtime: LambdaRuntime) -> type[BaseHTTPRequestHandler]:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not runtime.ready.is_set():
                runtime.init_seconds = time.perf_counter() - runtime.started
                runtime.ready.set()
            request_id, body = runtime.invocations.get()
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
            runtime.responses.put((self.path.rpartition("/")[2], json.loads(body or b"null")))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Do not log requests."""

    return Api
