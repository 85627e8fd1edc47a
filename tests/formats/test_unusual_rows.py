"""Test the rows of what GuardDuty's model finds unusual."""

from __future__ import annotations

import pytest

from enricher.formats.unusual_rows import unusual_rows

PRINTED = "bot called GetUser; CALLED iam:GetUser, iam:ListUsers FROM 192.0.2.1, AS64505 EXAMPLE"


@pytest.mark.parametrize(
    ("value", "row"),
    [
        ("APIs for the user identity: GetUser", ("Unusual for user", "this call")),
        ("APIs for the account: GetUser, ListUsers", ("Unusual for account", "these 2 calls")),
        (
            "APIs for the user identity: GetUser, PutRolePolicy",
            ("Unusual for user", "GetUser, PutRolePolicy"),
        ),
        ("Event name for user identity: GetUser", ("Unusual for user", "this call")),
        ("ASNs for the user identity: AS64505 EXAMPLE", ("Unusual for user", "AS64505")),
        ("ASNs for the user identity: AS64509 OTHER", ("Unusual for user", "AS64509 OTHER")),
        ("ASNs: 64509, 64503", ("Unusual", "AS64509, AS64503")),
        ("User agents: curl/8.14.1", ("Unusual", "User agents: curl/8.14.1")),
        ("User identity", ("Unusual", "User identity")),
        ("User names: bot", ("Unusual", "this user name")),
        ("User names: bo", ("Unusual", "User names: bo")),
    ],
)
def test_value_in_other_rows_is_not_repeated(value: str, row: tuple[str, str]) -> None:
    """Calls and networks that other rows print must be referred to, any others named."""
    assert [row] == unusual_rows([value], PRINTED)


def test_one_row_for_each_of_those_it_is_unusual_for() -> None:
    """What is unusual for the user and for the account must be in two rows."""
    values = (
        "APIs for the user identity: GetUser",
        "ASNs for the account: AS1 A",
        "ASNs for the user identity: AS2 B",
    )
    assert [("Unusual for user", "this call, AS2 B"), ("Unusual for account", "AS1 A")] == unusual_rows(
        values, PRINTED
    )
