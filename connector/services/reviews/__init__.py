"""Reviews as they are held: agenda, verdicts, decisions with what follows from them, closing, minutes."""
