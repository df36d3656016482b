"""Reviews: opened on a frozen agenda, a verdict for each item, closed when nothing is missing, and what follows from it."""
