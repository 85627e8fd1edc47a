"""Split the reference of a container image into name, tag and digest."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Algorithm and hash, without a name before them.
_DIGEST = re.compile(r"sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})")


class Image(NamedTuple):
    """An image reference; digest: "sha256:…" or ""; tag: "" if the reference has none."""

    name: str
    tag: str
    digest: str


def split_image(reference: str) -> Image:
    """Split NAME[:TAG][@DIGEST]; the colon of a registry's port does not start a tag.

    A container that was started by its image's ID has no more than the digest.
    """
    if _DIGEST.fullmatch(reference):
        return Image("", "", reference)
    named, _, digest = reference.partition("@")
    name, colon, tag = named.rpartition(":")
    is_tagged = bool(colon) and bool(name) and "/" not in tag
    return Image(name, tag, digest) if is_tagged else Image(named, "", digest)
