"""``python -m ctrnb.cli``."""

from ctrnb.cli import app

app()
