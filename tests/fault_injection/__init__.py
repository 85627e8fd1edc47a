"""Break everything around the function, by plan, and count what became of each finding.

`python -m tests.fault_injection` runs schedules and prints the report; test_schedules.py several hundred.
"""
