"""The paper's probes of the memory."""
