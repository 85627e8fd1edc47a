"""Map a finding to ATT&CK techniques and build its `attack` and `alert` objects."""
