"""Demonstrations on disk, and all between them and the network's input; knows nothing of simulators."""
