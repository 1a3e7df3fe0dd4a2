"""Intervals, tests, and what counts as reproduced."""
