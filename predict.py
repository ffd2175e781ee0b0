"""`python predict.py run=runs/<name>/<time> input=... output=...`; `--help` says more."""

from llmseg.cli.predict import main

if __name__ == "__main__":
    main()
