"""What every main calls: answers `--help`, composes and checks the configuration, then imports the job and runs it.

Nothing heavy is imported before the configuration is known to be good, and Hydra only where there is something to
compose. Set HYDRA_FULL_ERROR=1 to see the stack trace of a user error.
"""

import errno
import importlib
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from llmseg.cli.help import help_text
from llmseg.cli.implied import implied, top_config
from llmseg.cli.outcome import Outcome, report
from llmseg.errors import ConfigError, UserError
from llmseg.resources import conf_folder, own_conf

if TYPE_CHECKING:
    from omegaconf import DictConfig


_FULL = "cannot be written ({}); make room there, then try again"
_IN_THE_WAY = "is in the way ({}); name a folder"
_REFUSALS = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EEXIST: _IN_THE_WAY, errno.ENOTDIR: _IN_THE_WAY}
"""What the system refuses and a user can mend."""


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
    folders = [*own_conf(arguments), conf_folder()]
    config_name = top_config(config_name, arguments, folders)
    if {"-h", "--help"} & set(arguments):
        print(help_text(folders, config_name, _program()), end="")
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
    except OSError as error:
        if (explained := _explained(error)) is None:
            raise
        _report(explained)
        code = UserError.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    if code:
        sys.exit(code)


def register_resolvers() -> None:
    """Make `${logit_channels:...}` and `${length:...}` known to OmegaConf."""
    from omegaconf import OmegaConf

    from llmseg.cli.resolvers import RESOLVERS

    for name, function in RESOLVERS.items():
        OmegaConf.register_new_resolver(name, function, replace=True)


@dataclass
class _Job:
    """What Hydra calls with each composed config, here or in a worker process; an error ends only this job of a sweep.

    Attributes:
        target: `module:function`.
        outcomes: of the jobs of a sweep that ran in this process.
        error: of the only job, where there is no sweep; kept, since Hydra would print it in its own way.
    """

    target: str
    outcomes: list[Outcome] = field(default_factory=list)
    error: UserError | None = None

    def __call__(self, cfg: "DictConfig") -> object:
        """Import the function and call it with the config; an Outcome where there are several jobs."""
        import multiprocessing

        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode

        from llmseg.processes import die_with_parent

        if multiprocessing.parent_process() is not None:  # joblib's worker: a killed sweep trains nothing on
            die_with_parent()
        module, _, name = self.target.partition(":")
        function = getattr(importlib.import_module(module), name)
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            try:
                return function(cfg)
            except UserError as error:
                self.error = error
                return None
            except OSError as error:
                self.error = _explained(error)
                if self.error is None:
                    raise
                return None
        overrides = tuple(HydraConfig.get().overrides.task)
        try:
            outcome = Outcome(overrides, function(cfg))
        except Exception as error:  # a crash of one job must not end the others
            outcome = Outcome.of(overrides, error)
        self.outcomes.append(outcome)
        return outcome


def _explained(error: OSError) -> UserError | None:
    """What to say of a refusal that a user can mend; None: show where it came from."""
    if _full_error() or error.errno not in _REFUSALS:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return UserError(where + _REFUSALS[error.errno].format(error.strerror))


def _compose_and_run(config_name: str, job: str, arguments: list[str]) -> int:
    """Hand the command line to Hydra with our loader in place of its own; return the exit code."""
    import hydra.version
    from hydra._internal.utils import _run_hydra, get_args_parser
    from hydra.errors import HydraException, InstantiationException

    hydra.version.setbase("1.3")
    register_resolvers()
    parser = get_args_parser()
    args = _parse(parser, arguments)
    if config_name == "train":
        args.overrides += implied(args.overrides, [*own_conf(arguments), conf_folder()])
    task = _Job(job)
    call = partial(_run_hydra, args, parser, task, str(conf_folder()), config_name)
    if args.shell_completion:
        call()
        return 0
    try:
        with _checked(config_name, required=args.cfg is None) as returned:
            call()
    except InstantiationException:
        raise  # the job's: a target refused its arguments
    except HydraException as error:
        raise ConfigError(" ".join(str(error).split())) from error
    except Exception as error:
        if _full_error() or type(error).__module__.partition(".")[0] not in ("joblib", "submitit"):
            raise
        what = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}".removesuffix(": ")
        raise UserError(f"a job of the sweep was lost ({what}); the others are listed by llmseg.cli.runs") from error
    if task.error is not None:
        raise task.error
    outcomes = [each.return_value for batch in returned for each in batch] or task.outcomes
    if len(outcomes) > 1:
        print(report(outcomes))
    return 1 if any(each.error is not None for each in outcomes) else 0


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
def _checked(config_name: str, required: bool) -> Iterator[list[Any]]:
    """Let Hydra use the checking loader, and let errors out as exceptions instead of printing them and exiting.

    Yields:
        Filled with what Hydra's sweeper returns: batches of jobs.
    """
    from llmseg.cli.loader import CheckedLoader
    from llmseg.cli.schemas import SCHEMAS

    core: Any = importlib.import_module("hydra._internal.hydra")
    utils: Any = importlib.import_module("hydra._internal.utils")
    stock = core.ConfigLoaderImpl, utils.run_and_report
    with TemporaryDirectory() as scratch:
        loader = partial(CheckedLoader, schema=SCHEMAS[config_name], required=required, scratch=scratch)
        returned: list[Any] = []

        def call(function: Callable[[], Any]) -> Any:
            result = function()
            if isinstance(result, list):
                returned.extend(result)
            return result

        core.ConfigLoaderImpl, utils.run_and_report = loader, call
        try:
            yield returned
        finally:
            core.ConfigLoaderImpl, utils.run_and_report = stock


def _report(error: UserError) -> None:
    print(f"error: {' '.join(str(error).splitlines())}", file=sys.stderr)


def _full_error() -> bool:
    return os.environ.get("HYDRA_FULL_ERROR") == "1"


def _program() -> str:
    path = Path(sys.argv[0])
    if path.suffix == ".py" and path.absolute().parent == Path(__file__).parent:
        return f"python -m llmseg.cli.{path.stem}"
    return f"python {path.name}" if path.suffix == ".py" else path.name
