"""Sessions and clients of AWS, and its errors as one line: what failed, where, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from enricher.finding.safe_text import single_line

if TYPE_CHECKING:
    from boto3 import Session

_CREDENTIALS = "sign in again (aws sso login), or set AWS_PROFILE or --profile"
#: Error codes of any service, and the remedy; a code that ends in one of these counts too.
_REMEDIES = {
    "AccessDenied": "allow {action} for this identity",
    "AccessDeniedException": "allow {action} for this identity",
    "UnauthorizedOperation": "allow {action} for this identity",
    "ExpiredToken": _CREDENTIALS,
    "ExpiredTokenException": _CREDENTIALS,
    "InvalidClientTokenId": f"{_CREDENTIALS}; or the Region is not enabled in this account",
    "UnrecognizedClientException": f"{_CREDENTIALS}; or the Region is not enabled in this account",
    "InvalidAccessException": "enable Security Hub in this Region",
    "AWS.SimpleQueueService.NonExistentQueue": "check --region, and that the stack still has this queue",
    "QueueDoesNotExist": "check --region, and that the stack still has this queue",
    "KmsAccessDenied": "allow kms:GenerateDataKey and kms:Decrypt on the queues' key for this identity",
}
#: Retries of botocore's mode `standard`, with backoff: the calls of a long run are throttled at times.
_ATTEMPTS = 8


class OperationFailed(RuntimeError):
    """An operation cannot continue; the message is one line that names thing, place and remedy."""


@dataclass(slots=True)
class Aws:
    """A session in one account. region: the Region of the stack."""

    session: Session
    region: str
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @classmethod
    def open(cls, profile: str | None, region: str | None) -> Aws:
        """Return the session of a profile; raise OperationFailed if no Region is known."""
        import boto3

        session = boto3.Session(profile_name=profile or None, region_name=region or None)
        if not session.region_name:
            raise OperationFailed("no Region: use --region, or set AWS_REGION")
        return cls(session, session.region_name)

    def client(self, service: str, region: str = "") -> Any:
        """Return the client of a service, in another Region than the stack's if one is given."""
        key = (service, region or self.region)
        if key not in self._clients:
            from botocore.config import Config

            config = Config(retries={"mode": "standard", "max_attempts": _ATTEMPTS}, connect_timeout=10)
            session: Any = self.session  # the stubs list the services by name
            self._clients[key] = session.client(service, region_name=key[1], config=config)
        return self._clients[key]

    def account(self) -> str:
        """Return the account ID of the session's identity."""
        return str(confirmed(self.client("sts").get_caller_identity(), "Account"))


def confirmed(answer: Mapping[str, Any], key: str) -> Any:
    """Return a required member of an answer; raise OperationFailed where it is missing.

    An answer 200 that AWS did not write, such as a proxy's page, is read as an empty one (botocore 1.44).
    """
    if key not in answer:
        raise OperationFailed(f"an answer without {key}: not from AWS; check proxy and endpoint settings")
    return answer[key]


@contextmanager
def explained() -> Iterator[None]:
    """Raise OperationFailed, with a remedy, in place of the errors of botocore."""
    from botocore import exceptions

    try:
        yield
    except exceptions.NoCredentialsError:
        raise OperationFailed("no AWS credentials found: set AWS_PROFILE or --profile, or sign in") from None
    except exceptions.NoRegionError:
        raise OperationFailed("no Region: use --region, or set AWS_REGION") from None
    except exceptions.ClientError as error:
        raise OperationFailed(describe(error)) from None
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        message = f"{_line(error)}: check --region and the network (proxy, VPC endpoint)"
        raise OperationFailed(message) from None
    except exceptions.BotoCoreError as error:
        raise OperationFailed(_line(error)) from None


def describe(error: Any) -> str:
    """Return a ClientError as one line: operation, code, message and, where it is known, the remedy."""
    details = error.response.get("Error", {})
    code = str(details.get("Code", ""))
    remedy = _REMEDIES.get(code) or next(
        (text for known, text in _REMEDIES.items() if code.endswith((f".{known}", known))), ""
    )
    line = f"{error.operation_name}: {code}: {details.get('Message', '')}"
    return single_line(": ".join(filter(None, (line, remedy.format(action=error.operation_name)))), 600)


def _line(error: Exception) -> str:
    return single_line(str(error), 600)


@dataclass(slots=True)
class Pace:
    """A limit on the number of messages a second; clock and sleep are arguments for the tests."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0.0

    def wait(self, messages: int) -> None:
        """Wait until this number of messages may be sent."""
        now = self.clock()
        if self._next > now:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + messages / self.per_second
