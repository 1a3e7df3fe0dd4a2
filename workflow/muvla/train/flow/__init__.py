"""Mini scale: the policy of π0.5's kind, on the frames of composed episodes."""
