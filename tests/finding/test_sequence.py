"""Test how the signals of an attack sequence are read."""

from __future__ import annotations

from enricher.finding.sequence import read_signals
from tests import examples

DETAIL = examples.event("attack-sequence-compromised-credentials")["detail"]


def test_signals_are_in_the_order_of_time() -> None:
    """Signals must be sorted by their start; one without a time comes last."""
    signals = [
        {"name": "c", "firstSeenAt": 300},
        {"name": "none"},
        {"name": "a", "firstSeenAt": 100},
        {"name": "b", "createdAt": 200},
    ]
    view = {"service": {"detection": {"sequence": {"signals": signals}}}}
    assert ["a", "b", "c", "none"] == [signal.name for signal in read_signals(view)]


def test_signal_has_actor_calls_address_and_what_it_made() -> None:
    """A signal must name its actor, its calls, its address, and resources other than the actor's own key."""
    signal = read_signals(DETAIL)[2]
    assert ("iam:CreateAccessKey, AttachRolePolicy", ("legacy-deploy",), ("198.51.100.201",)) == (
        signal.name,
        signal.actors,
        signal.addresses,
    )
    assert ("key of finance-admin AKIAHKNHDY2U7EXAMPLE",) == signal.resources
    assert ("Persistence", "Privilege Escalation") == signal.tactics
    assert ("", 2) == (signal.type, signal.times)


def test_signal_without_calls_has_its_finding_type() -> None:
    """A signal that is a finding must have its whole type: of AnomalousBehavior alone nobody knows which."""
    signal = read_signals(DETAIL)[0]
    assert ("UnauthorizedAccess:IAMUser/TorIPCaller", "TorIPCaller", 3) == (
        signal.type,
        signal.name,
        signal.times,
    )


def test_failed_calls_are_marked() -> None:
    """A signal whose calls all failed must say with which errors."""
    api = {"operation": "StopLogging", "service": "cloudtrail.amazonaws.com", "error": "AccessDenied"}
    view = {"service": {"detection": {"sequence": {"signals": [{"activities": [{"api": api}]}]}}}}
    assert ["cloudtrail:StopLogging (AccessDenied)"] == [signal.name for signal in read_signals(view)]


def test_names_are_not_cut() -> None:
    """The names in a signal must be complete, however many signals there are."""
    assert all("..." not in signal.name for signal in read_signals(DETAIL))
