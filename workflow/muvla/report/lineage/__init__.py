"""Where each number comes from."""
