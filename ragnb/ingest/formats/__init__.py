"""Loaders, one a format. Each registers itself with `ragnb.ingest.loaders` when it is imported."""
