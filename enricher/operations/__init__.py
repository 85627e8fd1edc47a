"""Operate a deployed stack: redrive, backfill and verify; and the drift watch, a function of its own."""
