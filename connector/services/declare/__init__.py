"""The file of ``apply``: read with line numbers, checked as a whole, compared with the database, carried out in one transaction.

``document`` (YAML text → data with lines), ``schema`` with ``reading`` (data → checked values), ``plan`` (values against the
database → changes), ``checks`` (what only the hosts know), ``apply`` and ``writing`` (all of it, in order).
"""
