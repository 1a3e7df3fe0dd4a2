"""Memory against no memory in one environment."""
