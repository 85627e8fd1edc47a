"""MITRE ATT&CK releases: names, membership and former ids; imports nothing of ours."""
