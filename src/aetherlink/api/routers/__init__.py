"""The routers, one a file; each file has a function `router(services)`, named once in api/registry.py."""
