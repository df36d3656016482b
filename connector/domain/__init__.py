"""Pure rules of the product: numbers, dates and words, without I/O, clock or framework."""
