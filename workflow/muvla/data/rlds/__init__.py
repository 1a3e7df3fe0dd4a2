"""The RLDS format on disk, read and written without TensorFlow."""
