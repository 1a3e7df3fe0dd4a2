"""Training: the loop, and what it starts from."""
