"""The RLDS format on disk, without TensorFlow."""
