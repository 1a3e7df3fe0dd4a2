"""Paper scale: episodes as they were recorded."""
