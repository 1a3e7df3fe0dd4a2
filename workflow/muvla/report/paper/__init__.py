"""All of it as one document."""
