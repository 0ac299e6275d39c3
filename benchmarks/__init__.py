"""Timings, as ratios of things measured side by side in one run. Each module is one command: ``python -m benchmarks.NAME``.

Absolute times depend on the machine and on what else it does; a ratio of two arms that take turns (A B A B) hardly
does. Every command prints its table and writes it as CSV, with the machine, the versions and the date in each row.
"""
