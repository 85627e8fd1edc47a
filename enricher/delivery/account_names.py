"""Look up account names in AWS Organizations, for `alert.accountName`.

Imported only where ACCOUNT_NAMES is on. A name is a convenience: a lookup never raises, and never takes long.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from enricher.destinations.clients import make_client
from enricher.destinations.timeouts import Timeouts
from enricher.finding.safe_text import single_line

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from enricher.enrichment.enrich import EnrichedFinding

#: How long a name is used before it is looked up again, in seconds.
MAX_AGE = 86_400
#: How long no lookup is tried after one that failed (no permission, throttled, not reachable), in seconds.
PAUSE = 300
#: Time that lookups may take within PAUSE, in seconds; beyond it findings go without a name.
BUDGET = 5.0
NAME_LIMIT = 200

_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_TIMEOUTS = Timeouts(connect=1, read=1, attempts=1)


@dataclass(slots=True)
class AccountNames:
    """The names of accounts, by ID, as far as they are known.

    describe: returns the Account of Organizations' DescribeAccount; clock: seconds that only increase.
    """

    describe: Callable[[str], dict[str, Any]]
    logger: Logger
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[str, float]] = field(default_factory=dict)
    _paused_until: float = float("-inf")
    _budget_since: float = float("-inf")
    _spent: float = 0.0

    def name_of(self, account: str) -> str:
        """Return the name of an account; "" if it is not known and cannot be looked up now. Never raises.

        An account that is not active has its state behind the name: "legacy (SUSPENDED)".
        """
        if not _ACCOUNT.fullmatch(account):
            return ""
        now = self.clock()
        name, valid_until = self._known.get(account, ("", float("-inf")))
        if now < valid_until or not self._may_look_up(now):
            return name
        try:
            name = _display_name(self.describe(account))
        except (BotoCoreError, ClientError) as error:
            if _is_unknown(error):
                name = ""  # an account outside the organization stays unknown
            else:
                self._paused_until = now + PAUSE
                self.logger.warning("account name lookup failed", extra={"reason": str(error)})
                return name
        except Exception as error:
            self._paused_until = now + PAUSE
            self.logger.warning("account name lookup failed", extra={"reason": type(error).__name__})
            return name
        finally:
            self._spent += self.clock() - now
        self._known[account] = (name, now + MAX_AGE)
        return name

    def add_to(self, enriched: EnrichedFinding) -> EnrichedFinding:
        """Return the finding with `alert.accountName`."""
        name = self.name_of(enriched.finding.account)
        return replace(enriched, alert={**enriched.alert, "accountName": name}) if name else enriched

    def _may_look_up(self, now: float) -> bool:
        if now >= self._budget_since + PAUSE:
            self._budget_since, self._spent = now, 0.0
        return now >= self._paused_until and self._spent < BUDGET


def _display_name(account: dict[str, Any]) -> str:
    # `Status` was retired in September 2026; `State` replaces it.
    state = account.get("State", "ACTIVE")
    name = single_line(account.get("Name", ""), NAME_LIMIT)
    return name if state == "ACTIVE" or not name else f"{name} ({single_line(str(state))})"


def _is_unknown(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "AccountNotFoundException"


def build(logger: Logger, client: Any = None) -> AccountNames:
    """Create the lookup and its client; Organizations has one endpoint in each partition."""
    organizations = client or make_client("organizations", _TIMEOUTS.config())

    def describe(account: str) -> dict[str, Any]:
        return dict(organizations.describe_account(AccountId=account)["Account"])

    return AccountNames(describe, logger)
