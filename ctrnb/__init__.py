"""Does message passing over the user-item graph improve click-through-rate prediction?

Data flows one way: :mod:`ctrnb.data` (ratings, curation, encoding, graph), :mod:`ctrnb.encoders` and
:mod:`ctrnb.models` (the networks), :mod:`ctrnb.training` (tiers and runs), :mod:`ctrnb.evaluation` (metrics),
:mod:`ctrnb.report` (the book).
"""

__version__ = "0.1.0"
