"""What differs between the benchmarks: one module each, with one record; benchmark.py looks them up."""
