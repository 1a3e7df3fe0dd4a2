"""Mini scale: episodes put together from frames in memory."""
