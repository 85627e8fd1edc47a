"""Pages and pictures for people: the ATT&CK matrix of the mapping, and the report of a period."""
