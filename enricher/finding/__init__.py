"""Parse GuardDuty findings (actor, action, resources); imports no other package of this project."""
