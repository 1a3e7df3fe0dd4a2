"""Episode records, traces and frames: written by evaluate and trace, read by report."""
