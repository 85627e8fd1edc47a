"""The reviewed mapping at run time: finding type -> ATT&CK entries, with the reason for each."""
