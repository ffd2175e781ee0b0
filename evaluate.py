"""`python evaluate.py run=runs/<name>/<time> [data=...]`."""

from llmseg.cli.evaluate import main

if __name__ == "__main__":
    main()
