"""People: who is here with which role and host accounts, who left, and what each is told."""
