"""Which model answers, and what that costs."""
