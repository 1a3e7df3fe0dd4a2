"""Memory against no memory, environment by environment."""
