"""Fault injection: run the real route with failing services and check what happened to each finding.

`python -m tests.fault_injection` runs schedules and prints a report; test_schedules.py runs one of each kind.
"""
