"""Cycles: lists and forms."""
