"""The pinned ATT&CK release: names, tactics, revocations, and the equivalents in the former release.

The source is `mapping/attack.json`, written by `enricher attack import`; ATT&CK is © The MITRE Corporation
(see NOTICE).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

FRAMEWORK = "MITRE ATT&CK"
#: ATT&CK 19 split Defense Evasion: TA0005 was renamed to Stealth, and TA0112 Defense Impairment was added.
DEFENSE_IMPAIRMENT, DEFENSE_EVASION = "TA0112", "TA0005"


class Tactic(NamedTuple):
    """One tactic: `id` such as TA0006, `name` as in ATT&CK."""

    id: str
    name: str

    @property
    def url(self) -> str:
        """Return the URL of the tactic on attack.mitre.org."""
        return f"https://attack.mitre.org/tactics/{self.id}/"


class Pair(NamedTuple):
    """One (tactic, technique) pair of ids of the pinned release; technique: None for a tactic alone.

    former, former_tactic: the ids in the former release, set only where MITRE's revocations are ambiguous.
    """

    tactic: str
    technique: str | None
    former: str | None = None
    former_tactic: str | None = None


class Technique(NamedTuple):
    """One technique or sub-technique: `id` such as T1110 or T1110.001, `tactics` as tactic ids."""

    id: str
    name: str
    tactics: tuple[str, ...]

    @property
    def parent_id(self) -> str | None:
        """Return the id of the parent technique; None if this is not a sub-technique."""
        return parent_id(self.id)

    @property
    def url(self) -> str:
        """Return the URL of the technique on attack.mitre.org."""
        return f"https://attack.mitre.org/techniques/{self.id.replace('.', '/')}/"


# The ids of the releases: every entry is compared with others by its parent.
@lru_cache(maxsize=2048)
def parent_id(technique_id: str) -> str | None:
    """Return the parent id of a sub-technique id (T1110 for T1110.001); None for a technique id."""
    head, dot, _ = technique_id.partition(".")
    return head if dot else None


def archived_url(url: str, version: str) -> str:
    """Return the URL of the same page in MITRE's archive of an older release (`version` such as 18.1)."""
    return url.replace("attack.mitre.org/", f"attack.mitre.org/versions/v{version.partition('.')[0]}/", 1)


class Release(NamedTuple):
    """One ATT&CK release: tactics by id in kill-chain order, active techniques by id."""

    version: str
    tactics: Mapping[str, Tactic]
    techniques: Mapping[str, Technique]


@dataclass(slots=True)
class Catalogue:
    """The pinned release, the former release for older consumers, and the revocations between them.

    by_name: techniques by name, None until `lookup` first needs it, as few findings do.
    """

    pinned: Release
    former: Release
    revoked: Mapping[str, str]
    _former_ids: dict[str, str] = field(init=False, repr=False)
    _candidates: dict[str, list[str]] = field(init=False, repr=False)
    by_name: Mapping[str, Any] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        """Index the former id of each technique id that the former release does not have."""
        former_ids: dict[str, str] = {}
        candidates: dict[str, list[str]] = {}
        for old_id in self.former.techniques:
            if old_id in self.pinned.techniques:
                continue
            new_id = self.resolve(old_id)
            if new_id is None:
                continue
            candidates.setdefault(new_id, []).append(old_id)
            if new_id in self.former.techniques:
                continue
            other = former_ids.get(new_id)
            if other is None or self._same_name(old_id, new_id) > self._same_name(other, new_id):
                former_ids[new_id] = old_id
        self._former_ids, self._candidates = former_ids, candidates

    def _same_name(self, old_id: str, new_id: str) -> bool:
        return self.former.techniques[old_id].name == self.pinned.techniques[new_id].name

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Catalogue:
        """Build the catalogue from the parsed `mapping/attack.json`."""
        pinned = _release(data["version"], data["tactics"], data["techniques"])
        former = data["former"]
        changed = _release(former["version"], former["tactics"], former["techniques"])
        kept = {
            key: technique
            for key, technique in pinned.techniques.items()
            if key not in changed.techniques and key not in former["absent"]
        }
        before = Release(changed.version, changed.tactics, {**kept, **changed.techniques})
        return cls(pinned, before, data["revoked"])

    @property
    def versions(self) -> tuple[str, str]:
        """Return the ATT&CK versions available for output, the pinned one first."""
        return self.pinned.version, self.former.version

    def release(self, version: str | None) -> Release:
        """Return the release to output: the former one if `version` is its version, else the pinned one."""
        return self.former if version == self.former.version else self.pinned

    def resolve(self, technique_id: str) -> str | None:
        """Follow revocations to an active id of the pinned release; None if there is no replacement."""
        seen = set()
        while technique_id not in self.pinned.techniques:
            if technique_id in seen or technique_id not in self.revoked:
                return None
            seen.add(technique_id)
            technique_id = self.revoked[technique_id]
        return technique_id

    def belongs(self, tactic_id: str, technique_id: str) -> bool:
        """Return whether the pinned release lists the technique under the tactic."""
        technique = self.pinned.techniques.get(technique_id)
        return technique is not None and tactic_id in technique.tactics

    def former_technique(self, technique_id: str, stated: str | None = None) -> Technique | None:
        """Return the equivalent technique of the former release; None if it has none.

        stated: the former id (`Pair.former`), where the revocations are ambiguous.
        """
        key = stated or (
            technique_id if technique_id in self.former.techniques else self._former_ids.get(technique_id)
        )
        return self.former.techniques.get(key) if key else None

    def former_candidates(self, technique_id: str) -> tuple[str, ...]:
        """List the ids of the former release that were revoked by this technique."""
        return tuple(self._candidates.get(technique_id, ()))

    def former_tactic(self, tactic_id: str, technique: Technique, stated: str | None = None) -> Tactic | None:
        """Return the tactic under which the former release listed `technique` (of the former release).

        In this order: `stated` (`Pair.former_tactic`); the same tactic id if listed; Defense Evasion for
        Defense Impairment if listed; the only tactic listed; None if still ambiguous.
        """
        if stated:
            choice = stated
        elif tactic_id in technique.tactics:
            choice = tactic_id
        elif tactic_id == DEFENSE_IMPAIRMENT and DEFENSE_EVASION in technique.tactics:
            choice = DEFENSE_EVASION
        elif len(technique.tactics) == 1:
            choice = technique.tactics[0]
        else:
            return None
        return self.former.tactics.get(choice)

    def former_tactic_alone(self, tactic_id: str) -> Tactic | None:
        """Return the former release's tactic for a pair without technique; None if it has no equivalent."""
        same = self.former.tactics.get(tactic_id)
        return (
            self.former.tactics.get(DEFENSE_EVASION) if tactic_id == DEFENSE_IMPAIRMENT and not same else same
        )


def _release(version: str, tactics: Mapping[str, str], techniques: Mapping[str, Iterable[Any]]) -> Release:
    return Release(
        version,
        {key: Tactic(key, name) for key, name in tactics.items()},
        {key: Technique(key, name, tuple(ids)) for key, (name, *ids) in techniques.items()},
    )
