"""Names and ids, kept apart by type so that one is never passed for another."""

from typing import NewType

IncidentId = NewType("IncidentId", str)
ActionId = NewType("ActionId", str)
Fingerprint = NewType("Fingerprint", str)
SourceName = NewType("SourceName", str)
TargetName = NewType("TargetName", str)
PlaybookName = NewType("PlaybookName", str)
ChannelName = NewType("ChannelName", str)
