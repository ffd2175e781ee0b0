"""`python chat.py run=runs/<name>/<time>`: reports in, impressions or advice out; `--help` says more."""

from llmseg.cli.chat import main

if __name__ == "__main__":
    main()
