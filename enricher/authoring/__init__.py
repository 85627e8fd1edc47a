"""Maintain the mapping; never part of the Lambda: read TOML, check it, compile it, upgrade ATT&CK."""
