"""Tag every GuardDuty finding with the ATT&CK tactic and technique it shows, and forward it."""

__version__ = "0.1.0"
