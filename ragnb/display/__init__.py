"""Readers of an answer's log that show it to people."""
