"""Whether what is sent to an address can be read or changed on the way."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_safe_way(url: str) -> bool:
    """Over TLS, or without leaving this machine. An address that cannot be read is not safe."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host)))


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
