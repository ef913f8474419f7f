"""What all remote models share: connections, server-sent events, and what can go wrong."""
