"""What every main calls: answers `--help`, composes and checks the configuration, then imports the job and runs it.

Nothing heavy is imported before the configuration is known to be good, and Hydra only where there is something to
compose. Set HYDRA_FULL_ERROR=1 to see the stack trace of a user error.
"""

import importlib
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

import llmseg
from llmseg.cli.help import help_text
from llmseg.errors import ConfigError, UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


def run(config_name: str, job: str, argv: Sequence[str] | None = None) -> None:
    """Run a command.

    Args:
        config_name: top config in conf/, such as `train`.
        job: `module:function`, imported only after the config is known to be good; gets the composed DictConfig.
        argv: command line without the program's name; None: `sys.argv[1:]`.

    Raises:
        SystemExit: 1 or 2 after a user error (one line on stderr), 1 if a job of a sweep had one, 130 if interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(help_text(conf_folder(), config_name, _program()), end="")
        return
    if "--version" in arguments:
        print(f"llmseg {installed('llmseg')} (Hydra {installed('hydra-core')})")
        return
    try:
        code = _compose_and_run(config_name, job, arguments)
    except UserError as error:
        if _full_error():
            raise
        _report(error)
        code = error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    if code:
        sys.exit(code)


def conf_folder() -> Path:
    """Return the folder conf/: the checkout's beside src/, or else the one packed into the wheel."""
    package = Path(str(llmseg.__file__)).resolve().parent
    checkout = package.parent.with_name("conf")
    return checkout if package.parent.name == "src" and checkout.is_dir() else package / "conf"


def register_resolvers() -> None:
    """Make `${logit_channels:...}` and `${length:...}` known to OmegaConf."""
    from omegaconf import OmegaConf

    from llmseg.cli.config import RESOLVERS

    for name, function in RESOLVERS.items():
        OmegaConf.register_new_resolver(name, function, replace=True)


@dataclass
class _Job:
    """What Hydra calls with each composed config; a user error ends only this job.

    Attributes:
        target: `module:function`.
        codes: exit codes of the jobs that failed with a user error.
        is_sweep: whether there are several jobs, so that a message has to say which one it is about.
    """

    target: str
    codes: list[int] = field(default_factory=list)
    is_sweep: bool = False

    def __call__(self, cfg: "DictConfig") -> object:
        """Import the function and call it with the config."""
        from hydra.core.hydra_config import HydraConfig

        module, _, function = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), function)(cfg)
        except UserError as error:
            if _full_error():
                raise
            _report(error, suffix=f" [{' '.join(HydraConfig.get().overrides.task)}]" if self.is_sweep else "")
            self.codes.append(error.exit_code)
            return None


def _compose_and_run(config_name: str, job: str, arguments: list[str]) -> int:
    """Hand the command line to Hydra with our loader in place of its own; return the exit code."""
    import hydra.version
    from hydra._internal.utils import _run_hydra, get_args_parser
    from hydra.errors import HydraException, InstantiationException

    hydra.version.setbase("1.3")
    register_resolvers()
    parser = get_args_parser()
    args = _parse(parser, arguments)
    task = _Job(job, is_sweep=args.multirun)
    call = partial(_run_hydra, args, parser, task, str(conf_folder()), config_name)
    if args.shell_completion:
        call()
        return 0
    try:
        with _checked(config_name, required=args.cfg is None):
            call()
    except InstantiationException:
        raise  # the job's: a target refused its arguments
    except HydraException as error:
        raise ConfigError(" ".join(str(error).split())) from error
    return (1 if args.multirun else task.codes[0]) if task.codes else 0


def _parse(parser: ArgumentParser, arguments: list[str]) -> Namespace:
    """Parse Hydra's options, which may stand between the overrides; mistakes are ConfigErrors of one line."""

    def refuse(message: str) -> NoReturn:
        raise ConfigError(f"{message}; see --help")

    parser.error = refuse  # type: ignore[method-assign]
    args = parser.parse_intermixed_args(arguments)
    if args.cfg and args.multirun:
        refuse("--cfg shows the config of one run: leave out --multirun")
    if args.resolve and not args.cfg:
        refuse("--resolve needs --cfg job")
    return args


@contextmanager
def _checked(config_name: str, required: bool) -> Iterator[None]:
    """Let Hydra use the checking loader, and let errors out as exceptions instead of printing them and exiting."""
    from llmseg.cli.config import SCHEMAS
    from llmseg.cli.validate import CheckedLoader

    core: Any = importlib.import_module("hydra._internal.hydra")
    utils: Any = importlib.import_module("hydra._internal.utils")
    stock = core.ConfigLoaderImpl, utils.run_and_report
    with TemporaryDirectory() as scratch:
        loader = partial(CheckedLoader, schema=SCHEMAS[config_name], required=required, scratch=scratch)
        core.ConfigLoaderImpl, utils.run_and_report = loader, lambda function: function()
        try:
            yield
        finally:
            core.ConfigLoaderImpl, utils.run_and_report = stock


def _report(error: UserError, suffix: str = "") -> None:
    print(f"error: {' '.join(str(error).splitlines())}{suffix}", file=sys.stderr)


def _full_error() -> bool:
    return os.environ.get("HYDRA_FULL_ERROR") == "1"


def _program() -> str:
    path = Path(sys.argv[0])
    if path.suffix == ".py" and path.absolute().parent == Path(__file__).parent:
        return f"python -m llmseg.cli.{path.stem}"
    return f"python {path.name}" if path.suffix == ".py" else path.name
