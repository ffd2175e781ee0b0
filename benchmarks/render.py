"""Write the tables and figures of README.md and docs/ from results/: `python benchmarks/render.py`, or `make report`.

With --check nothing is written, and the exit code is 1 where a page is not what its results say.
"""

import sys
from argparse import ArgumentParser

from headline.claims import OutdatedError
from headline.pages import ROOT, outdated, render
from headline.pictures import draw, made_elsewhere


def main() -> None:
    """Render; a sentence that no longer holds ends it in one line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    try:
        pages = outdated() if options.check else render()
    except OutdatedError as error:
        sys.exit(f"error: {error}")
    for page in pages:
        print(f"{'outdated' if options.check else 'written'}: {page.relative_to(ROOT)}")
    if options.check:
        sys.exit(bool(pages))
    draw()
    print(f"{len(pages)} pages changed\npictures of runs, not drawn here:")
    print("\n".join(f"  {name}: {command}" for name, command in made_elsewhere().items()))


if __name__ == "__main__":
    main()
