"""`python train.py [group=choice ...] [key=value ...]`; `--help` lists the choices."""

from llmseg.cli.train import main

if __name__ == "__main__":
    main()
