"""What a command sees of the host: the Python it runs on, system libraries, its inputs; all of it read-only."""

import os
import shutil
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

WORK, HOME, TEMPORARY = "/box/code", "/box/home", "/box/tmp"
WRITABLE = (WORK, "/box", "/dev/shm")  # noqa: S108 -- a place in the box
VENV = "/opt/python"  # a virtual environment shows up here, so that its folder on the host stays unknown
SYSTEM = [f"{parent}/{name}" for parent in ("/usr", "") for name in ("bin", "lib", "lib32", "lib64")]
PROCESSORS = "/sys/devices/system/cpu"  # PyTorch reads how many there are
# Packages' files that answer questions of the study: nilearn has the built-in sample's masks, llmseg has the networks.
HIDDEN = ("nilearn/datasets/data", "llmseg")


@dataclass(frozen=True)
class View:
    """The box's file system, apart from its writable folders, /proc and /dev.

    Attributes:
        shown: (path on the host, place in the box), outer ones first.
        links: (target, place in the box).
        hidden: places that are covered by an empty folder.
        python: place of the interpreter.
    """

    shown: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]
    python: str

    @property
    def folders(self) -> list[str]:
        """Folders that must be made for all places, outer ones first."""
        places = [place for _, place in (*self.shown, *self.links)]
        parents = {str(parent) for place in [*places, *WRITABLE] for parent in Path(place).parents}
        return sorted(parents - {"/", "/dev", "/etc"} - set(WRITABLE))


def look(scratch: Path, uid: int, gid: int, inputs: Mapping[str, Path], others: bool) -> View:
    """Return what a box of this user sees.

    Args:
        scratch: empty folder of the host that lives as long as the box.
        uid: of the box's user.
        gid: of the box's group.
        inputs: name below /box/code to a folder of the host.
        others: whether the box's user is somebody else: then an input that only its owner can read is copied. One with
            links is copied in any case, since they would lead nowhere.
    """
    everything = [*((path, path) for path in (*SYSTEM, PROCESSORS)), *_interpreter()]
    links = [(os.readlink(path), place) for path, place in everything if _is_short_link(path)]
    shown = {place: path for path, place in everything if os.path.exists(path) and not _is_short_link(path)}
    if os.path.isdir("/etc/alternatives"):
        shown["/etc/alternatives"] = "/etc/alternatives"
    shown["/etc"] = str(_etc(scratch / "etc", uid, gid))
    for name, folder in inputs.items():
        kept = _can_be_shown(folder.resolve(), others)
        shown[f"{WORK}/{name}"] = str((folder if kept else _copy(folder, scratch / "inputs" / name)).resolve())
    if not any(Path(place).is_relative_to("/tmp") for place in shown):  # noqa: S108
        links.append((TEMPORARY, "/tmp"))  # noqa: S108
    needed = tuple((path, place) for place, path in sorted(shown.items()) if not _inside(place, path, shown))
    python = f"{VENV}/bin/python" if _is_venv() else sys.executable
    return View(needed, tuple(links), tuple(_hidden(needed)), python)


def _is_venv() -> bool:
    return sys.prefix != sys.base_prefix


def _interpreter() -> Iterator[tuple[str, str]]:
    """Yield (path, place) of the interpreter and its packages; a virtual environment's links lead to the base's."""
    prefixes = dict.fromkeys([sys.base_prefix, *_hops(sys.executable)])
    for prefix in [prefix for prefix in prefixes if not _is_venv() or prefix != sys.prefix]:
        for path in (f"{prefix}/bin", f"{prefix}/lib", f"{prefix}/lib64"):
            yield path, path
    if _is_venv():
        for name in ("bin", "lib", "lib64", "pyvenv.cfg"):
            yield f"{sys.prefix}/{name}", f"{VENV}/{name}"
    else:
        for path in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            yield path, path


def _is_short_link(path: str) -> bool:
    """Return whether a path is a link that leads to the same place in the box, such as lib64 to lib."""
    return os.path.islink(path) and not os.path.isabs(os.readlink(path))


def _hops(executable: str) -> Iterator[str]:
    """Yield the prefix of each link from an interpreter to its file."""
    while True:
        yield str(Path(executable).parents[1])
        if not os.path.islink(executable):
            return
        executable = os.path.normpath(os.path.join(os.path.dirname(executable), os.readlink(executable)))


def _inside(place: str, path: str, shown: Mapping[str, str]) -> bool:
    """Return whether another entry shows the same already."""
    outer = [str(parent) for parent in Path(place).parents if str(parent) in shown]
    return any(os.path.join(shown[parent], os.path.relpath(place, parent)) == path for parent in outer)


def _hidden(shown: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield places of folders that hold answers, and other packages than those of the environment."""
    hosts = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    folders = [f"{host}/{name}" for host in hosts for name in HIDDEN]
    if _is_venv():
        folders.append(f"{sys.base_prefix}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages")
    for folder in filter(os.path.isdir, folders):
        for path, place in shown:
            if Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(path)):
                yield os.path.normpath(
                    os.path.join(place, os.path.relpath(os.path.realpath(folder), os.path.realpath(path)))
                )


def _etc(folder: Path, uid: int, gid: int) -> Path:
    """Write /etc: who the user is, and where libraries are."""
    folder.mkdir()
    (folder / "passwd").write_text(f"box:x:{uid}:{gid}::{HOME}:/bin/sh\n")
    (folder / "group").write_text(f"box:x:{gid}:\n")
    if os.path.exists("/etc/ld.so.cache"):
        shutil.copyfile("/etc/ld.so.cache", folder / "ld.so.cache")
    if os.path.isdir("/etc/alternatives"):
        (folder / "alternatives").mkdir()  # a place for the host's: links to libraries
    _open_to_all(folder)
    return folder


def _can_be_shown(folder: Path, to_others: bool) -> bool:
    """Return whether a folder is complete in itself, without links, and readable for the box's user."""
    entries = [(str(folder), True)]
    for parent, names, files in os.walk(folder):
        entries += [(os.path.join(parent, name), True) for name in names]
        entries += [(os.path.join(parent, name), False) for name in files]
    modes = [(os.lstat(path).st_mode, is_folder) for path, is_folder in entries]
    if any(stat.S_ISLNK(mode) for mode, _ in modes[1:]):
        return False
    return not to_others or all(mode & 0o4 and (mode & 0o1 or not is_folder) for mode, is_folder in modes)


def _copy(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    _open_to_all(target)
    return target


def _open_to_all(folder: Path) -> None:
    folder.chmod(0o755)
    for parent, names, files in os.walk(folder):
        for name in names:
            os.chmod(os.path.join(parent, name), 0o755)  # noqa: S103 -- the box's user is somebody else
        for name in files:
            os.chmod(os.path.join(parent, name), 0o644)
