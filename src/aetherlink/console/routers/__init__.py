"""The routers of pages, one a file; each file has a function `router(services)`, named once in console/registry.py."""
