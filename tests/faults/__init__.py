"""Break everything around the function, by plan, and count what became of each finding.

`python -m tests.faults` runs schedules and prints the report; test_schedules.py runs several hundred.
"""
