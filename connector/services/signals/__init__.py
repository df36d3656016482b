"""Signals as they stand: computed every night for all key results, kept with their numbers, dismissed with a reason."""
