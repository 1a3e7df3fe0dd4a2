"""Figures of the method, drawn from the code: token layout, attention mask, where gradients flow."""
