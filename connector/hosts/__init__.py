"""One folder per kind of work tool, behind one seam."""
