"""Know the pinned ATT&CK release: names, membership, revocations, and what each id was called before.

The source is `mapping/attack.json`, made by `enricher attack import`; ATT&CK is © The MITRE Corporation
(see NOTICE).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FRAMEWORK = "MITRE ATT&CK"
#: ATT&CK 19 split Defense Evasion: its id TA0005 is Stealth now, and TA0112 was new.
DEFENSE_IMPAIRMENT, DEFENSE_EVASION = "TA0112", "TA0005"


@dataclass(frozen=True, slots=True)
class Tactic:
    """Name one tactic: `id` as TA0006, `name` as ATT&CK prints it."""

    id: str
    name: str

    @property
    def url(self) -> str:
        """Point at the tactic's page on attack.mitre.org."""
        return f"https://attack.mitre.org/tactics/{self.id}/"


@dataclass(frozen=True, slots=True)
class Pair:
    """Name one (tactic, technique) pair of the pinned release, technique None for a tactic alone.

    former, former_tactic: the id and tactic of the former release, where MITRE's revocations leave a choice.
    """

    tactic: str
    technique: str | None
    former: str | None = None
    former_tactic: str | None = None


@dataclass(frozen=True, slots=True)
class Technique:
    """Name one technique or sub-technique: `id` as T1110 or T1110.001, `tactics` as tactic ids."""

    id: str
    name: str
    tactics: tuple[str, ...]

    @property
    def parent_id(self) -> str | None:
        """Give the parent's id of a sub-technique, None for a parent technique."""
        return parent_id(self.id)

    @property
    def url(self) -> str:
        """Point at the technique's page on attack.mitre.org."""
        return f"https://attack.mitre.org/techniques/{self.id.replace('.', '/')}/"


def parent_id(technique_id: str) -> str | None:
    """Give T1110 for T1110.001 and None for T1110."""
    head, dot, _ = technique_id.partition(".")
    return head if dot else None


def archived_url(url: str, version: str) -> str:
    """Point at the same page as an older release had it, in MITRE's archive of that major version."""
    return url.replace("attack.mitre.org/", f"attack.mitre.org/versions/v{version.partition('.')[0]}/", 1)


@dataclass(frozen=True, slots=True)
class Release:
    """Hold one ATT&CK release: its tactics in kill-chain order and its active techniques."""

    version: str
    tactics: Mapping[str, Tactic]
    techniques: Mapping[str, Technique]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Hold the pinned release, the former one that older consumers expect, and the way between them."""

    pinned: Release
    former: Release
    revoked: Mapping[str, str]
    _was: dict[str, str] = field(init=False, repr=False)
    #: Techniques by name; filled by the first who asks (see `spelling`), as few findings need it.
    by_name: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Index, for each id that the former release did not know, the former id it came from."""
        was: dict[str, str] = {}
        for old_id in self.former.techniques:
            if old_id in self.pinned.techniques:
                continue
            new_id = self.resolve(old_id)
            if new_id is None or new_id in self.former.techniques:
                continue
            rival = was.get(new_id)
            if rival is None or self._same_name(old_id, new_id) > self._same_name(rival, new_id):
                was[new_id] = old_id
        object.__setattr__(self, "_was", was)

    def _same_name(self, old_id: str, new_id: str) -> bool:
        return self.former.techniques[old_id].name == self.pinned.techniques[new_id].name

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Catalogue:
        """Build the catalogue from the object that `mapping/attack.json` holds."""
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
        """Give the two releases it can speak in, the pinned one first."""
        return self.pinned.version, self.former.version

    def release(self, version: str | None) -> Release:
        """Give the release to speak in: the former one for its version, the pinned one for all else."""
        return self.former if version == self.former.version else self.pinned

    def resolve(self, technique_id: str) -> str | None:
        """Follow revocations to an active id of the pinned release; None if the id leads nowhere."""
        seen = set()
        while technique_id not in self.pinned.techniques:
            if technique_id in seen or technique_id not in self.revoked:
                return None
            seen.add(technique_id)
            technique_id = self.revoked[technique_id]
        return technique_id

    def belongs(self, tactic_id: str, technique_id: str) -> bool:
        """Tell whether the pinned release lists the technique under the tactic."""
        technique = self.pinned.techniques.get(technique_id)
        return technique is not None and tactic_id in technique.tactics

    def former_technique(self, technique_id: str, stated: str | None = None) -> Technique | None:
        """Give the technique as the former release knew it, `stated` where revocations cannot decide.

        None if the former release had nothing of the kind.
        """
        key = stated or (
            technique_id if technique_id in self.former.techniques else self._was.get(technique_id)
        )
        return self.former.techniques.get(key) if key else None

    def former_candidates(self, technique_id: str) -> tuple[str, ...]:
        """List every former id that MITRE revoked in favour of this one."""
        old = (key for key in self.former.techniques if key not in self.pinned.techniques)
        return tuple(key for key in old if self.resolve(key) == technique_id)

    def former_tactic(self, tactic_id: str, technique: Technique, stated: str | None = None) -> Tactic | None:
        """Give the tactic under which the former release listed `technique` (a former technique).

        The same tactic where it was listed there; Defense Evasion for what became Stealth or Defense
        Impairment; the only tactic where there was one; `stated` decides the rest; None if undecided.
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
        """Give the former release's tactic where no technique says more; None if it had none of the kind."""
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
