"""Operate a deployed stack: redrive, backfill and verify; not in the Lambda functions' artifact."""
