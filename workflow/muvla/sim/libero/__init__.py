"""LIBERO's tasks as gymnasium environments."""
