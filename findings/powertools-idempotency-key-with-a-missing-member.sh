#!/usr/bin/env bash
# Powertools for AWS Lambda (Python) 3.37.0, idempotency with a key of two members.
#
# One expects: with event_key_jmespath="[arn, updatedAt]" and raise_on_no_idempotency_key=True, an event without
# updatedAt raises IdempotencyKeyError, because it cannot be told from another update of the same finding.
# Seen: it raises only if every member is missing. A finding without updatedAt is keyed as [arn, null], so all
# its updates are one: the second one is suppressed as a duplicate, and no error says so.
# What it means here: the key is checked by our own code (a finding without ARN or updatedAt is not deduplicated).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  aws-lambda-powertools==3.37.0 boto3==1.44.5 jmespath
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError, IdempotencyItemNotFoundError, IdempotencyKeyError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer


class Memory(BasePersistenceLayer):
    def __init__(self):
        self.records = {}
        super().__init__()

    def _get_record(self, idempotency_key):
        if idempotency_key not in self.records:
            raise IdempotencyItemNotFoundError
        return self.records[idempotency_key]

    def _put_record(self, data_record):
        if data_record.idempotency_key in self.records:
            raise IdempotencyItemAlreadyExistsError(
                old_data_record=self.records[data_record.idempotency_key]
            )
        self.records[data_record.idempotency_key] = data_record

    def _update_record(self, data_record):
        self.records[data_record.idempotency_key] = data_record

    def _delete_record(self, data_record):
        self.records.pop(data_record.idempotency_key, None)


config = IdempotencyConfig(event_key_jmespath="[arn, updatedAt]", raise_on_no_idempotency_key=True)
sent = []


@idempotent_function(data_keyword_argument="finding", persistence_store=Memory(), config=config)
def send(finding):
    sent.append(finding["severity"])
    return finding["severity"]


def outcome(finding):
    try:
        send(finding=finding)
    except IdempotencyKeyError:
        return "raises IdempotencyKeyError"
    return f"accepted, sent so far: {sent}"


results = {
    "no arn, no updatedAt": outcome({"severity": 1}),
    "arn without updatedAt": outcome({"arn": "a", "severity": 2}),
    "the same arn, severity raised": outcome({"arn": "a", "severity": 8}),
}
for case, result in results.items():
    print(f"{case}: {result}")
as_described = results == {
    "no arn, no updatedAt": "raises IdempotencyKeyError",
    "arn without updatedAt": "accepted, sent so far: [2]",
    "the same arn, severity raised": "accepted, sent so far: [2]",
}
print("as described" if as_described else "changed")
sys.exit(0 if as_described else 1)
PYTHON
