"""The rhythm of reviews: planned ahead, reminded of, locked, and what follows when an answer stays out. ``turning.turn`` is its clock.

Nothing is imported here: parts of it are used far below (holidays, the next review), and its clock needs nearly everything.
"""
