"""Measure again what results/*.json have: `python benchmarks/rerun.py [name ...]`, or `make report RERUN=1 ONLY=name`.

Runs go to runs/report/<name>; those of an earlier time are renamed, not deleted. To try it out: `--words
"trainer.max_epochs=1" --output somewhere` shortens every training and leaves results/ alone.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

from remake.recipes import RECIPES, chosen, results


def main() -> None:
    """Run, collect, write; a mistake in a name ends in one line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(each.name for each in RECIPES)}; none: all"
    )
    parser.add_argument("--words", default="", help="further overrides of every training; needs --output")
    parser.add_argument("--output", help="folder of the files, in place of results/")
    parser.add_argument("--collect", action="store_true", help="only read the runs that are there")
    options = parser.parse_args()
    if options.words and not options.output:
        parser.error("--words: say where with --output, so that results/ keep the real ones")
    try:
        recipes = chosen(options.names)
    except ValueError as error:
        parser.error(str(error))
    folder = results(options.output and str(Path(options.output).resolve()))
    for recipe in recipes:
        print(f"{recipe.name}:", file=sys.stderr, flush=True)
        recipe.gather(folder) if options.collect else recipe.make(folder, options.words)


if __name__ == "__main__":
    main()
