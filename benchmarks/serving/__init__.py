"""The service beside what people would otherwise use: `python -m benchmarks.serving`."""
