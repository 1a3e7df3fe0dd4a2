"""The policy: token layout, attention mask, vision towers, memory, one step (cell) and K of them (window)."""
