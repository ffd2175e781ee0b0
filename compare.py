"""`python compare.py run=runs/demo`: one table and one picture of several runs."""

from llmseg.cli.compare import main

if __name__ == "__main__":
    main()
