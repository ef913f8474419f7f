"""Logs that every reader is held to, and what each of them must show."""
