"""The tables and sentences of README.md and docs/ that hold measured numbers, made from results/*.json.

One file a subject, each with a function `parts` that returns text by the name of its mark. It stands beside the
benchmarks and not in `llmseg`, because it reads and writes this checkout: those who install the package have neither
the pages nor the results.
"""
