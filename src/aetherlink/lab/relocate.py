"""Makes unpacked programs find their own files when these do not lie in /usr/share.

Debian's Prometheus and Alertmanager open templates and pages below one absolute path that is compiled in, and
Alertmanager does not start without them. In the copy that the lab unpacked, that path is replaced by one of the same
length that leads through an open file descriptor, and a two-line script opens the descriptor. Called by `tools`.
"""

from pathlib import Path

_COMPILED_IN = b"/usr/share/prometheus"
# Equal in length, as it must be: the strings around it stay where they are.
_REPLACEMENT = b"/proc/self/fd/9/share"
_SCRIPT = """\
#!/bin/sh
# Debian's build looks for its files in /usr/share; the one started here looks through descriptor 9, in this tree.
exec 9<"${{0%/*}}/../lib/aetherlink"
exec "${{0%/*}}/../lib/aetherlink/{name}" "$@"
"""


def relocate(tree: Path) -> list[str]:
    """Rewrite the programs in `tree`/usr/bin that need it; their names."""
    home = tree / "usr" / "lib" / "aetherlink"
    home.mkdir(parents=True)
    (home / "share").symlink_to("../../share/prometheus")
    names: list[str] = []
    for program in sorted((tree / "usr" / "bin").iterdir()):
        content = b"" if program.is_symlink() else program.read_bytes()
        if _COMPILED_IN in content:
            (home / program.name).write_bytes(content.replace(_COMPILED_IN, _REPLACEMENT))
            program.write_text(_SCRIPT.format(name=program.name), encoding="ascii")
            for path in (home / program.name, program):
                path.chmod(0o755)
            names.append(program.name)
    return names
