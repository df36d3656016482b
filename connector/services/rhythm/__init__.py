"""The rhythm of reviews: planned ahead, reminded of, locked, and what follows when an answer stays out. ``turn`` is its clock."""

from connector.services.rhythm.turning import turn

__all__ = ["turn"]
