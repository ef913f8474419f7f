"""What outlives a broken stream and a dead process."""
