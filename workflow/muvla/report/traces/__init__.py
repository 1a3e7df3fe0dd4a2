"""Single episodes from the inside."""
