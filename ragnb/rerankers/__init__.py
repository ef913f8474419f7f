"""Models that put the retrieved passages into a better order."""
