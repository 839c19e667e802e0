"""The traffic generator: an open loop of requests as several tenants would send them."""
