"""`python app.py run=runs/<name>/<time>`: a web page on this machine; `--help` says more."""

from llmseg.cli.app import main

if __name__ == "__main__":
    main()
