"""What the paper claims, decided on the records."""
