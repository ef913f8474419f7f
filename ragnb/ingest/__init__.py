"""Documents in: found, read, cut into chunks, indexed."""
