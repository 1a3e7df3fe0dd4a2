"""Demonstrations on disk, and everything between them and the network's input. Imports no simulator."""
