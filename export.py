"""`python export.py run=runs/<name>/<time> [output=model/]`: ONNX, preprocessing.json and infer_onnx.py."""

from llmseg.cli.export import main

if __name__ == "__main__":
    main()
