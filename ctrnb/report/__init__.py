"""The book: execute chapters with their parameters and compile them into HTML."""

from ctrnb.report.build import build_book

__all__ = ["build_book"]
