"""Reads playbooks from files: the user's, then the built-in ones that the user does not replace."""

import json
import stat
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from aetherlink.errors import SettingsError
from aetherlink.model.actions import Target
from aetherlink.model.ids import PlaybookName, TargetName
from aetherlink.model.playbooks import Playbook
from aetherlink.playbooks import form_problems, strict_yaml
from aetherlink.playbooks.fitting import misfits
from aetherlink.playbooks.schema import PlaybookForm

BUILTIN = Path(__file__).parent / "builtin"
MOST_FILES = 500
_LARGEST_FILE = 64 << 10
_SUFFIXES = frozenset({".yaml", ".yml"})

Targets = Mapping[TargetName, Target]
_NONE: Targets = MappingProxyType({})


def load_playbooks(folder: Path | None, targets: Targets = _NONE) -> tuple[Playbook, ...]:
    """Every playbook in the order in which they are asked: the user's, then the built-in ones, each by name.

    What only observes comes last, for it would keep an alert from those that act. A user's playbook replaces the
    built-in one of the same name. What a user's does has to be possible for those of the `targets` that it
    names. Raises SettingsError that says file, line, key and what is wrong.
    """
    playbooks = _load_folder(BUILTIN, is_builtin=True)
    if folder is not None:
        playbooks |= _load_folder(folder, targets)
    return tuple(sorted(playbooks.values(), key=lambda one: (not one.steps, one.is_builtin, one.name)))


def files_of(folder: Path) -> list[Path]:
    """The playbook files of a folder, by name; hidden ones are an editor's. Raises SettingsError."""
    try:
        if not folder.is_dir():
            raise SettingsError(f"playbooks_dir {folder} is not a folder: make it, or take the setting out")
        found = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and path.name[0] != ".")
    except (OSError, ValueError) as problem:  # ValueError: no file system has such a name
        raise SettingsError(f"playbooks_dir {str(folder)!r} cannot be read: {problem}") from problem
    if len(found) > MOST_FILES:
        raise SettingsError(f"playbooks_dir {folder} holds {len(found)} files; at most {MOST_FILES} are read")
    return found


def _load_folder(folder: Path, targets: Targets = _NONE, *, is_builtin: bool = False) -> dict[PlaybookName, Playbook]:
    """All of them. Raises SettingsError for all that is wrong in the folder, not for the first file only."""
    found: dict[PlaybookName, Playbook] = {}
    problems = []
    for path in files_of(folder):
        try:
            playbook = load_playbook(path, targets, is_builtin=is_builtin)
        except SettingsError as problem:
            problems.append(str(problem))
            continue
        if playbook.name in found:
            problems.append(f"{path}: name: another file of this folder has a playbook {playbook.name!r} already")
        found[playbook.name] = playbook
    if problems:
        raise SettingsError("\n".join(problems))
    return found


def load_playbook(path: Path, targets: Targets = _NONE, *, is_builtin: bool = False) -> Playbook:
    """The playbook of one file. Raises SettingsError that says file, line, key and what is wrong."""
    _refuse_what_is_no_file(path)
    document = strict_yaml.read(path, largest=_LARGEST_FILE)
    if not isinstance(document.data, dict):
        raise SettingsError(f"{path}: a playbook is a mapping with name, match, target, bind, when, action and verify")
    try:
        form = PlaybookForm.model_validate(document.data)
    except ValidationError as problem:
        raise SettingsError("\n".join(_lines(path, document, problem))) from problem
    unfit = [
        f"{path}:{document.line_of(place)}: {'.'.join(map(str, place))}: {words}"
        for place, words in misfits(form, targets)
    ]
    if unfit:
        raise SettingsError("\n".join(unfit))
    return form.to_playbook(is_builtin=is_builtin, digest=_digest(document.data))


def _digest(data: object) -> str:
    """SHA-256 over what stands in the file: neither its comments, nor its layout, nor the order of its keys."""
    return sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def _lines(path: Path, document: strict_yaml.Document, problem: ValidationError) -> Iterator[str]:
    for error, line in form_problems.lines(problem, PlaybookForm):
        yield f"{path}:{document.line_of(error['loc'] or _first_place(line))}: {line}"


def _first_place(line: str) -> strict_yaml.Place:
    """The key that a check of the whole names first: `bind: give the labels ...`."""
    return (line.partition(":")[0].partition(".")[0],)


def _refuse_what_is_no_file(path: Path) -> None:
    """Links are followed: folders that are mounted into a container are full of them. A pipe would never end."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return  # said by who reads it
    if not stat.S_ISREG(mode):
        raise SettingsError(f"{path}: this is no plain file")
