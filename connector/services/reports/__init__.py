"""Reports on the rhythm itself: how updates come, whether the pre-read is read and decided on, what keeps coming back.

Of forums, never of people. Nothing is counted that the viewer may not know of.
"""
