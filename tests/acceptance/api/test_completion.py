"""The tab key, as bash and zsh press it: ids of a running agent, nothing without one, and nothing to evaluate."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rigs.terminal import SOURCES

AETHER = Path(sys.executable).with_name("aether")
INJECTION = r"""x\$(touch pwned) \"; touch pwned; ' `touch pwned` [/red] $(touch pwned) \\$(touch pwned) ü"""
HARMLESS = set(" .,_/@=+-")


@pytest.fixture
def known(agent):
    """The agent, with an incident whose title would like to be evaluated, and one of a tenant with such a name."""
    for name, tenant in ((INJECTION, "acme"), ("Other", INJECTION)):
        labels = {"alertname": name, "severity": "critical", "tenant": tenant, "service": name}
        alerts = [{"status": "firing", "labels": labels, "startsAt": "2026-01-01T12:00:00Z"}]
        agent.call("POST", "/alertmanager", json={"alerts": alerts}).raise_for_status()
    return agent


@pytest.fixture
def pressed(tmp_path: Path):
    """Presses the tab key behind a line, in the way of a shell; the finished process."""

    def press(shell: str, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
        words = line.split(" ")
        asked = {
            "bash": {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)},
            "zsh": {"_TYPER_COMPLETE_ARGS": line},
        }[shell]
        return subprocess.run(
            [AETHER],
            env={
                "PATH": os.defpath,
                "HOME": str(tmp_path),
                "_AETHER_COMPLETE": f"complete_{shell}",
                **asked,
                **SOURCES,
                **environment,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return press


def test_bash_is_offered_ids_by_their_beginning(known, pressed) -> None:
    ids = [one["id"] for one in known.call("GET", "/api/v1/incidents").json()["items"]]

    all_of_them = pressed("bash", "aether show inc-", AETHER_URL=known.url)
    one = pressed("bash", f"aether ack {ids[0]}", AETHER_URL=known.url)

    assert (all_of_them.stdout.split(), all_of_them.stderr) == (ids, "")
    assert one.stdout.split() == [ids[0]]


def test_the_options_that_were_typed_lead_to_the_agent(known, pressed) -> None:
    ids = [one["id"] for one in known.call("GET", "/api/v1/incidents").json()["items"]]

    given = pressed("bash", f"aether close --url {known.url} --token {known.secrets['read']} inc-")

    assert given.stdout.split() == ids


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("aether incidents --severity w", ["warning"]),
        ("aether incidents --state ", ["open", "resolved"]),
        ("aether actions --state wai", ["waiting_approval"]),
        ("aether incidents --tenant ", ["acme"]),
        ("aether playbook demote restart-crm-a", ["restart-crm-api"]),
        ("aether alerts --source ", []),
        ("aether wron", ["wrong"]),
    ],
)
def test_words_names_and_commands_are_offered(known, pressed, line: str, offered: list[str]) -> None:
    assert pressed("bash", line, AETHER_URL=known.url).stdout.split() == offered


def test_zsh_is_offered_ids_with_titles_that_cannot_be_evaluated(known, pressed, tmp_path: Path) -> None:
    ids = [one["id"] for one in known.call("GET", "/api/v1/incidents").json()["items"]]
    done = pressed("zsh", "aether show inc-", AETHER_URL=known.url)

    assert (done.returncode, done.stderr) == (0, "")
    assert all(f'"{each}":"critical' in done.stdout for each in ids)
    for line in done.stdout.removeprefix("_arguments '*: :((").removesuffix("))'\n").splitlines():
        value, _, hint = line.partition('":"')
        assert value.removeprefix('"') in ids
        assert {letter for letter in hint.removesuffix('"') if not letter.isalnum()} <= HARMLESS
    evaluated = f"_arguments() {{ eval \"offers=( ${{2#'*: :'}} )\" 2>/dev/null; }}\n{done.stdout}"
    subprocess.run(["bash", "-c", evaluated], cwd=tmp_path, check=False)
    assert not (tmp_path / "pwned").exists()


def test_real_bash_completes_with_the_script_that_aether_prints(known, pressed, tmp_path: Path) -> None:
    script = pressed("bash", "aether", _AETHER_COMPLETE="source_bash").stdout
    [newest, *_] = known.call("GET", "/api/v1/incidents").json()["items"]
    typed = f"COMP_WORDS=(aether show {newest['id'][:-2]}); COMP_CWORD=2; _aether_completion aether"
    path = f"{AETHER.parent}:{os.defpath}"
    done = subprocess.run(
        [shutil.which("bash") or "bash", "--norc", "-c", f'{script}\n{typed}; printf "%s\\n" "${{COMPREPLY[@]}}"'],
        env={"PATH": path, "HOME": str(tmp_path), "AETHER_URL": known.url, **SOURCES},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert (done.stdout.split(), done.stderr) == ([newest["id"]], "")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("line", ["aether show ", "aether approve act-", "aether incidents --tenant "])
def test_without_an_agent_nothing_is_offered_or_said(pressed, shell: str, line: str) -> None:
    done = pressed(shell, line, AETHER_URL="http://127.0.0.1:9")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == {"bash": "", "zsh": "_files"}[shell]


def test_an_agent_that_does_not_answer_or_refuses_holds_nobody_up(agent, pressed, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        unheard = pressed("bash", "aether show ", AETHER_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
    refused = pressed("bash", "aether show ", AETHER_URL=agent.url, AETHER_TOKEN=agent.secrets["unknown"])
    (tmp_path / "aether.yaml").write_text(json.dumps({"colour": "blue"}))
    unread = pressed("bash", "aether show ")

    for done in (unheard, refused, unread):
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
