"""The simulators behind one contract. Imports nothing of the model."""
