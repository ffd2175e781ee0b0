"""`python study.py author=... author.model=... data=...`; `--help` lists the choices."""

from llmseg.cli.study import main

if __name__ == "__main__":
    main()
