"""`python -m llmseg.cli.knowledge organ=... modality=... author=...`: ask an LLM for texts on an organ."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.cli.entry import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

_CAUTION = "# as it was answered: it may be wrong, and is no source on medicine\n"


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("knowledge", "llmseg.cli.knowledge:knowledge")


def knowledge(cfg: "DictConfig") -> None:
    """Ask for every descriptor and write the YAML file of a `knowledge` choice.

    Raises:
        ConfigError: the configuration cannot be right, or the file is there already.
        UserError: the LLM is not to be had, or gave an empty answer; nothing is written then.
    """
    from datetime import date

    import yaml
    from omegaconf import OmegaConf
    from rich.console import Console
    from rich.progress import Progress

    from llmseg.errors import UserError
    from llmseg.knowledge.authors import Sampling, load_author
    from llmseg.knowledge.interview import check_prompt, interview, node
    from llmseg.whole import write

    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    prompt, questions = plain["prompt"].strip(), {kind: text for kind, text in plain["questions"].items() if text}
    facts = {"organ": plain["organ"], "modality": plain["modality"]}
    classes = _classes(plain["classes"], plain["organ"])
    check_prompt(prompt, questions)
    sampling = Sampling(plain["temperature"], plain["seed"], plain["max_tokens"])
    author = load_author(plain["author"], sampling)
    path = _output(plain, author.name)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"asking {author.llm}", total=len(classes) * len(questions))
        texts = interview(author, facts, classes, prompt, questions, lambda: progress.advance(task))
    content = node(author, facts, classes, texts, prompt, questions, sampling, date.today().isoformat())
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    try:
        write(path, f"# {facts['organ'].capitalize()} in the words of {author.llm}\n{_CAUTION}{text}")
    except OSError as error:
        raise UserError(f"output={path}: cannot write ({error.strerror}); name another file") from error
    print(f"{path}: {len(classes)} class(es), {len(questions)} texts each")
    if path.parent.parent.name == "knowledge":
        print(f"use it: --config-dir {path.parent.parent.parent} knowledge={path.parent.name}/{path.stem}")


def _classes(given: Any, organ: str) -> dict[str, str]:
    """Class -> words for it in the prompt."""
    from llmseg.errors import ConfigError

    if given is None:
        given = [organ]
    if isinstance(given, list) and given:
        return {str(name): str(name).replace("_", " ") for name in given}
    if isinstance(given, dict) and given and all(given.values()):
        return {str(name): str(words) for name, words in given.items()}
    raise ConfigError(f"classes={given}: a list of names, or a mapping from name to words for the prompt")


def _output(plain: dict[str, Any], source: str) -> Path:
    from llmseg.errors import ConfigError

    folder = plain["organ"].replace(" ", "_")
    path = Path(plain["output"] or f"my_conf/knowledge/{folder}/{source}.yaml").expanduser()
    if path.suffix != ".yaml":
        raise ConfigError(f"output={path}: must end in .yaml")
    if path.exists() and not plain["overwrite"]:
        raise ConfigError(f"output={path}: there already; name another file, or add overwrite=true")
    return path


if __name__ == "__main__":
    main()
