"""Author the mapping (read, validate and compile TOML, upgrade ATT&CK); not part of the Lambda artifact."""
