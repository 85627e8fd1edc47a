"""A TLS server on the loopback interface that answers as SNS and DynamoDB would for new findings.

It counts what is asked of it, and can drop its connections, as AWS does with idle ones.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import botocore.httpsession
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
_ENTRY = "<member><Id>{}</Id><MessageId>{}</MessageId></member>"
_BATCH_ANSWER = (
    '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>'
    "<Successful>{}</Successful><Failed/></PublishBatchResult></PublishBatchResponse>"
)
_ANSWER = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
    "<MessageId>0</MessageId></PublishResult></PublishResponse>"
)


class Stub(ThreadingHTTPServer):
    """The server.

    requests: number by operation; messages: number published; bundle: file of botocore's roots and its own.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        certificate, self.bundle = folder / "server.pem", folder / "roots.pem"
        certificate.write_bytes(_certificate())
        roots = Path(botocore.httpsession.DEFAULT_CA_BUNDLE).read_bytes()
        self.bundle.write_bytes(roots + b"\n" + certificate.read_bytes())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.requests: Counter[str] = Counter()
        self.messages = 0
        self.connections: set[socket.socket] = set()
        super().__init__((HOST, 0), _Handler)
        self.url = f"https://{HOST}:{self.server_port}"

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; its handler makes the handshake, so that it does not hold up the others."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.connections.add(wrapped)
        return wrapped, address

    def drop_connections(self) -> None:
        """Close every connection."""
        while self.connections:
            with suppress(OSError):
                self.connections.pop().shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: Any) -> None:
        """Stay silent about clients that end."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet
    server: Stub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation, answer = self._answer(body)
        self.server.requests[operation] += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    def _answer(self, body: bytes) -> tuple[str, bytes]:
        if target := self.headers.get("X-Amz-Target", ""):
            operation = target.rpartition(".")[2]
            return f"dynamodb:{operation}", json.dumps(_dynamodb(operation, json.loads(body))).encode()
        fields = parse_qs(body.decode())
        operation = fields["Action"][0]
        if operation == "Publish":
            self.server.messages += 1
            return "sns:Publish", _ANSWER.encode()
        ids = [values[0] for key, values in fields.items() if key.endswith(".Id")]
        self.server.messages += len(ids)
        entries = "".join(_ENTRY.format(entry, entry) for entry in ids)
        return f"sns:{operation}", _BATCH_ANSWER.format(entries).encode()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def _dynamodb(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a table without the items that are asked for."""
    match operation:
        case "BatchGetItem":
            return {"Responses": {name: [] for name in request["RequestItems"]}, "UnprocessedKeys": {}}
        case "BatchWriteItem":
            return {"UnprocessedItems": {}}
        case "PutItem":
            return {"ConsumedCapacity": {"TableName": request["TableName"], "CapacityUnits": 1.0}}
        case _:
            return {}


def _certificate() -> bytes:
    """Return a self-signed certificate for the host with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


@contextmanager
def serve(folder: Path) -> Iterator[Stub]:
    """Run the server within the block; its certificate is written into the folder."""
    with Stub(folder) as stub:
        thread = threading.Thread(target=stub.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield stub
        finally:
            stub.shutdown()
            stub.drop_connections()
            thread.join()
