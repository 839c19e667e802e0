"""Reads playbooks from files: the built-in ones, then the user's, whose names may not clash with each other."""

from pathlib import Path

from pydantic import ValidationError

from aetherlink.errors import SettingsError
from aetherlink.model.ids import PlaybookName
from aetherlink.model.playbooks import Playbook
from aetherlink.playbooks import form_problems, strict_yaml
from aetherlink.playbooks.schema import PlaybookForm

BUILTIN = Path(__file__).parent / "builtin"


def load_playbooks(folder: Path | None) -> tuple[Playbook, ...]:
    """Every playbook, in order of name; a user's playbook replaces the built-in one of the same name.

    Raises SettingsError that says file, key and what is wrong.
    """
    playbooks = _load_folder(BUILTIN)
    if folder is not None:
        if not folder.is_dir():
            raise SettingsError(f"playbooks_dir {folder} is not a folder: make it, or take the setting out")
        playbooks |= _load_folder(folder)
    return tuple(playbooks[name] for name in sorted(playbooks))


def _load_folder(folder: Path) -> dict[PlaybookName, Playbook]:
    found: dict[PlaybookName, Playbook] = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        playbook = load_playbook(path)
        if playbook.name in found:
            raise SettingsError(f"{path}: name: another file of this folder has a playbook {playbook.name!r} already")
        found[playbook.name] = playbook
    return found


def load_playbook(path: Path) -> Playbook:
    """The playbook of one file. Raises SettingsError that says file, key and what is wrong."""
    data = strict_yaml.read(path)
    if not isinstance(data, dict):
        raise SettingsError(f"{path}: a playbook is a mapping with name, match, target, bind, when, action and verify")
    try:
        return PlaybookForm.model_validate(data).to_playbook()
    except ValidationError as problem:
        lines = (f"{path}: {line}" for _, line in form_problems.lines(problem, PlaybookForm))
        raise SettingsError("\n".join(lines)) from problem
