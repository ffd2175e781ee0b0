"""`python app.py run=...`: a web page for trained runs."""

import signal
import sys
from typing import TYPE_CHECKING, Any

from llmseg.cli.entry import run
from llmseg.cli.words import quoted

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from omegaconf import DictConfig

    from llmseg.runs import RunFolder
    from llmseg.web.locate import Ask
    from llmseg.web.models import Loaders
    from llmseg.web.segment import Predict


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # uploads are removed then, too
    run("app", "llmseg.cli.app:app", [_readable(word) for word in sys.argv[1:]])


def _readable(word: str) -> str:
    """The word, with quotes around one run's folder, which may have any characters."""
    key, equals, value = word.partition("=")
    return f"{key}={quoted(value)}" if key == "run" and equals and not value.startswith("[") else word


def app(cfg: "DictConfig") -> None:
    """Serve the page until it is interrupted.

    Raises:
        UserError: no such run, no Gradio, or an address that cannot be used.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from llmseg.cli.console import quiet_libraries
    from llmseg.cli.hardware import torch_device
    from llmseg.language.writing import Generation
    from llmseg.optional import require
    from llmseg.web.offers import find_offers

    quiet_libraries()
    _check(cfg)
    how = Generation(max_new_tokens=cfg.max_new_tokens, batch_size=1)
    offers = find_offers(_paths(cfg.run))
    device = torch_device(cfg.accelerator)
    require("gradio", "app.py", install="'llmseg[web]'")
    from llmseg.web import server
    from llmseg.web.page import Settings, build

    server.check_address(cfg.host, cfg.port)
    with TemporaryDirectory(prefix="llmseg-") as scratch:
        server.prepare(Path(scratch))
        sample = _sample(Path(cfg.paths.cache))
        settings = Settings(Path(scratch), how, cfg.queue, cfg.models, cfg.examples, sample)
        page = build(offers, loaders(device, cfg.checkpoint), settings)
        url = server.launch(page, cfg.host, cfg.port, cfg.max_upload_mb)
        print(f"{len(offers)} run(s) at {url}    Ctrl+C ends; not a medical device")
        if not server.is_local(cfg.host):
            print(f"warning: host={cfg.host}: everybody in your network can use this page; it asks for no password")
        page.block_thread()


def loaders(device: "torch.device", checkpoint: str) -> "Loaders":
    """How the page comes to models.

    Args:
        device: where they compute.
        checkpoint: last or best.
    """
    from llmseg.web.models import Loaders

    def writer(run: "RunFolder") -> Any:
        from llmseg.cli.trained_reports import load_writer

        return load_writer(run, device, checkpoint)

    return Loaders(writer, lambda run: _predict(run, device, checkpoint), lambda run: _ask(run, device, checkpoint))


def _predict(run: "RunFolder", device: "torch.device", checkpoint: str) -> "Predict":
    from llmseg.cli.batch import Batch, Wanted
    from llmseg.cli.trained import data_config, segmenter
    from llmseg.data.preprocessing import Recipe
    from llmseg.runs import load_all

    trained = load_all(run.path, checkpoint)
    config = data_config(run.config)
    recipe = Recipe.of(config, run.config["model"]["spatial_dims"])
    network = segmenter(trained, recipe, recipe.image_size or config.patch_size, device)
    return lambda source, folder: Batch(network, folder, Wanted()).predict(source)


def _ask(run: "RunFolder", device: "torch.device", checkpoint: str) -> "Ask":
    from llmseg.cli.score_boxes import ask
    from llmseg.cli.trained_boxes import load_boxes

    model = load_boxes(run, checkpoint).to(device)
    return lambda sample: ask(model, [sample])[0]


def _sample(cache: "Path") -> Any:
    """A slab of the built-in brain, written when it is first asked for."""

    def slab() -> "Path":
        from llmseg.data.readers import mni152

        return mni152.read(cache / "mni152")[mni152.TEST_SLABS[0]].images[0]

    return slab


def _paths(run: Any) -> "list[Path]":
    from pathlib import Path

    from omegaconf import ListConfig

    names = list(run) if isinstance(run, list | tuple | ListConfig) else [run]
    return [Path(str(name)).expanduser() for name in names]


def _check(cfg: "DictConfig") -> None:
    from llmseg.errors import ConfigError

    if cfg.checkpoint not in ("last", "best"):
        raise ConfigError(f"checkpoint={cfg.checkpoint}: choose last or best")
    for key in ("max_upload_mb", "queue", "models"):
        if cfg[key] < 1:
            raise ConfigError(f"{key}={cfg[key]}: give 1 or more")


if __name__ == "__main__":
    main()
