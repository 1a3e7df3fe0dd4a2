"""What this machine computes, layer by layer, beside what is on record for all."""
