"""The identity of an open incident: what is broken, as one string that no label can forge."""

import hashlib
import json
from enum import StrEnum


class Kind(StrEnum):
    """What an identity is made of."""

    SERVICE = "service"
    ALERT = "alert"
    LABELS = "labels"
    HEALTH = "health"
    DISK = "disk"
    BLIND = "blind"
    OVERSIZED = "oversized"
    PLAYBOOKS = "playbooks"
    UNWELL = "unwell"


_LONGEST = 500  # characters: an index of PostgreSQL takes 2,704 bytes


def incident_key(kind: Kind, *parts: str) -> str:
    """The kind and its parts as JSON: whatever the parts hold, different ones never give the same key."""
    key = json.dumps([kind.value, *parts], ensure_ascii=False, separators=(",", ":"))
    if len(key) <= _LONGEST:
        return key
    return json.dumps([kind.value, {"sha256": hashlib.sha256(key.encode()).hexdigest()}], separators=(",", ":"))
