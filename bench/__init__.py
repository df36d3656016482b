"""Benchmarks that print ratios: single timings swing with the machine, ratios within one run hold."""
