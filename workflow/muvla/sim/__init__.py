"""The simulators behind one observation contract; knows nothing of the model (design: floors)."""
