"""Read what GuardDuty sent: one reader of who, what and where; imports nothing of ours."""
