"""What leads read: key results of a forum, team or cycle in their lists, open asks, blockers, updates, and work that moves nothing.

Reads only, as one viewer may know it; words and drawings are the views'.
"""
