"""Key results: the form, quality check and sign-off."""
