"""Collects demonstrations of scripted experts in the real simulators."""
