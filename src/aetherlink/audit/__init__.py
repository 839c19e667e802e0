"""Tamper evidence: the key of the timelines' chain, the anchors that are written elsewhere, and the verification."""
