"""Episodes of a policy in a simulator."""
