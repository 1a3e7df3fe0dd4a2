"""Policies behind vla-eval's protocol: what is sent and answered, checked against what the server declares."""
