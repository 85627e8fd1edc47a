"""MITRE ATT&CK releases: names, membership and former ids; imports no other package of this project."""
