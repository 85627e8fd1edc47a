"""Add the ATT&CK tactics and techniques to every GuardDuty finding and forward it."""

__version__ = "0.1.0"
