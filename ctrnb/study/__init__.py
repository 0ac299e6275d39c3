"""Studies: which trainings a TOML describes, running them anywhere, and the tables that come of them.

``description`` reads a study, ``plan`` says which trainings it needs next, ``sweep`` drives them on an engine (``local``
or ``cluster``), ``ledger`` and ``changes`` make tables of what has finished. ``command`` is what ``ctrnb sweep`` calls.
"""
