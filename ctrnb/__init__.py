"""Does message passing over the user-item graph improve click-through-rate prediction?

A module imports from the lines above its own alone (``tests/test_layers.py``):

* :mod:`ctrnb.errors`
* :mod:`ctrnb.settings`, :mod:`ctrnb.spreadsheet`, :mod:`ctrnb.paper` (the paper's numbers), :mod:`ctrnb.plots`,
  :mod:`ctrnb.words`
* :mod:`ctrnb.data` (ratings, curation, encoding, graph), :mod:`ctrnb.models` (rating functions),
  :mod:`ctrnb.evaluation` (metrics)
* :mod:`ctrnb.encoders` (ID table and LightGCN)
* :mod:`ctrnb.training` (the whole network, tiers and runs)
* :mod:`ctrnb.study` (many trainings, and what changed from one tier to another)
* :mod:`ctrnb.theory` (statements, proven or refuted)
* :mod:`ctrnb.audit` (the paper's claims against its own tables)
* :mod:`ctrnb.analysis` (density, groups, sensitivity), :mod:`ctrnb.verify` (all statements, decided)
* :mod:`ctrnb.advise` (the question asked of one's own ratings)
* :mod:`ctrnb.report` (the book)
* :mod:`ctrnb.cli`
"""

__version__ = "0.1.0"
