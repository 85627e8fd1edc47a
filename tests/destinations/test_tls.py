"""Test with a TLS server that roots are parsed once and that verification is what botocore's would be."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import httpsession
from botocore.config import Config
from botocore.exceptions import SSLError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from enricher.destinations.tls import context_of, share_roots
from tests.loopback import Answer, Server, serve

CONFIG = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1})
#: An answer of SQS that closes the connection, so that the next call opens another one.
SENT = Answer(
    200, b'{"MessageId": "m"}', {"Content-Type": "application/x-amz-json-1.0", "Connection": "close"}
)


def make_certificate(folder: Path, name: str) -> Path:
    """Write a self-signed certificate for 127.0.0.1 with its key; return its path."""
    import ipaddress

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two certificates: the server's, and one of another root."""
    folder = tmp_path_factory.mktemp("certificates")
    return make_certificate(folder, "server"), make_certificate(folder, "other")


@pytest.fixture
def server(certificates: tuple[Path, Path]) -> Iterator[Server]:
    """Yield a TLS server."""
    with serve(SENT, certificate=certificates[0]) as running:
        yield running


@pytest.fixture
def shared(certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Share the roots within a test, with the server's as AWS_CA_BUNDLE; yield the parsed bundles."""
    parsed: list[str] = []

    class Counting(ssl.SSLContext):
        def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
            parsed.append(str(cafile))
            super().load_verify_locations(cafile, capath, cadata)

    monkeypatch.setattr(httpsession, "SSLContext", Counting)
    method = "_get_ssl_context"
    monkeypatch.setattr(httpsession.URLLib3Session, method, getattr(httpsession.URLLib3Session, method))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates[0]))
    context_of.cache_clear()
    share_roots()
    yield parsed
    context_of.cache_clear()


def send(server: Server, **options: Any) -> None:
    """Send a message with a new client."""
    client = boto3.client("sqs", endpoint_url=server.url, config=CONFIG, **options)
    for _ in range(3):
        client.send_message(QueueUrl=server.url, MessageBody="x")


def test_roots_are_parsed_once_at_init(
    server: Server, certificates: tuple[Path, Path], shared: list[str]
) -> None:
    """Two clients and six connections must parse the bundle once, before the first of them."""
    assert [str(certificates[0])] == shared
    send(server)
    send(server)
    assert ([str(certificates[0])], 6) == (shared, len(server.requests))


def test_without_sharing_each_connection_parses_them(
    server: Server, shared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost that is saved must exist: botocore alone parses the bundle for each connection."""
    monkeypatch.setattr(
        httpsession.URLLib3Session, "_get_ssl_context", lambda _: httpsession.create_urllib3_context()
    )
    shared.clear()
    send(server)
    assert 3 == len(shared)


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("bundle", ["", "other"])
def test_server_of_another_root_is_rejected(
    server: Server, certificates: tuple[Path, Path], bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server whose root is not in the bundle must be rejected, also after another bundle accepted it."""
    send(server)
    monkeypatch.delenv("AWS_CA_BUNDLE")
    if bundle:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates[1]))
    with pytest.raises(SSLError, match="certificate verify failed"):
        send(server)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.usefixtures("shared")
def test_client_without_verification_has_a_context_of_its_own(
    server: Server, certificates: tuple[Path, Path]
) -> None:
    """A client without verification must not switch it off for the others."""
    unverified: Any = httpsession.URLLib3Session(verify=False)
    others: Any = httpsession.URLLib3Session()
    assert isinstance(unverified._get_ssl_context(), ssl.SSLContext)
    assert unverified._get_ssl_context() is not others._get_ssl_context()
    send(server, verify=False)
    send(server)
    with pytest.raises(SSLError):
        send(server, verify=str(certificates[1]))


@pytest.mark.usefixtures("shared")
def test_missing_bundle_is_reported_by_the_first_call(server: Server, tmp_path: Path) -> None:
    """A bundle that cannot be read must fail the call, as without sharing, and not the start."""
    with pytest.raises(Exception, match=r"No such file|invalid path|Could not find"):
        send(server, verify=str(tmp_path / "missing.pem"))


@pytest.mark.usefixtures("shared")
def test_shared_context_takes_no_other_roots(certificates: tuple[Path, Path]) -> None:
    """Nothing may add roots to a context that other clients use."""
    context = context_of(str(certificates[0]))
    with pytest.raises(ValueError, match="shared"):
        context.load_verify_locations(str(certificates[1]))


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("own", ["client_cert", "proxies_config"])
def test_client_with_settings_of_its_own_shares_no_context(certificates: tuple[Path, Path], own: str) -> None:
    """A client certificate, or TLS settings of a proxy, must not reach the connections of other clients."""
    settings: dict[str, Any] = {
        "client_cert": str(certificates[0]),
        "proxies_config": {"proxy_client_cert": "c.pem"},
    }
    session: Any = httpsession.URLLib3Session(**{own: settings[own]})
    other: Any = httpsession.URLLib3Session()
    assert session._get_ssl_context() is not other._get_ssl_context()
    assert other._get_ssl_context() is other._get_ssl_context()
