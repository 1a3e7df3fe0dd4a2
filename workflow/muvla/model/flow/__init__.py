"""π0.5's kind of policy, without memory: an action expert that denoises chunks, beside the base's language model."""
