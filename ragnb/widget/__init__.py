"""The answer cell: an answer's log, drawn live in a notebook."""
