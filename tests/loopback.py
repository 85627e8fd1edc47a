"""An HTTP server on the loopback interface whose answers a test chooses, in place of an AWS endpoint."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


#: What a proxy between the function and AWS answers for a blocked or an unavailable site.
BLOCK_PAGE = Answer(200, b"<html><body>This site is blocked.</body></html>", {"Content-Type": "text/html"})
PLAIN_503 = Answer(503, b"Service Unavailable\n", {"Content-Type": "text/plain"})


@dataclass(slots=True)
class Server:
    """A running server. url: its endpoint; requests: path and body of each request; at: when it came."""

    url: str
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    def client(self, service: str, config: Config | None = None) -> Any:
        """Return a boto3 client of a service whose endpoint is this server."""
        return boto3.session.Session().client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=config,
        )


@contextmanager
def serve(*answers: Answer, certificate: Path | None = None) -> Iterator[Server]:
    """Serve the answers in turn, the last one again and again, within the block.

    certificate: file with certificate and private key, for a TLS server.
    """
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            server.requests.append((self.path, self.rfile.read(length)))
            server.at.append(time.monotonic())
            answer = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_PUT = do_PATCH = do_POST  # noqa: N815 - the names that http.server looks up

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            http.socket = context.wrap_socket(http.socket, server_side=True)
        server = Server(f"http{'s' if certificate else ''}://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
