"""dealcast's feature engine beside what people would otherwise use: `python -m benchmarks --help`."""
