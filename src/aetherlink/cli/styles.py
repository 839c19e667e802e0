"""Which words of a table stand out on a terminal; what they say is in the words, for those who see no colours."""

SEVERITIES = {"critical": "bold red", "warning": "yellow"}
STATES = {"waiting_approval": "bold yellow", "waits": "bold yellow", "running": "cyan", "open": "bold"}
HEALTH = {"low": "bold red", "no_data": "yellow", "error": "yellow", "ok": "green"}
