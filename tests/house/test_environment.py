"""The environment is read in one file of each package: settings.py. Children get theirs by hand."""

import ast

READERS = {"environ", "getenv", "environb"}


def reads(source) -> list[str]:
    names = [
        node
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Attribute) and node.attr in READERS)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and {alias.name for alias in node.names} & READERS)
        or (isinstance(node, ast.Name) and node.id in {"BaseSettings", "EnvSettingsSource"})
    ]
    return [f"{source.name}:{node.lineno}" for node in names]


def test_only_the_settings_read_the_environment(sources, packages) -> None:
    doors = {folder / "settings.py" for folder in packages.values()}

    assert [place for source in sources if source.path not in doors for place in reads(source)] == []


def test_the_settings_do_read_it(sources, packages) -> None:
    """Else the guard above watches the wrong files."""
    doors = {folder / "settings.py" for folder in packages.values()}

    assert {source.path for source in sources if source.path in doors and reads(source)} == doors
