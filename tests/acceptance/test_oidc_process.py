"""A whole agent and an identity provider: one person signs in by real redirects, acts, and is out after a change."""

import re
import time
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
import yaml
from playwright.sync_api import Page

from rigs import identity_provider as rigs
from rigs.agent_process import environment, free_port, serving, wait_until_ready
from rigs.browser import browse
from rigs.identity_provider import CLIENT, SECRET, IdentityProviderRig


def written(folder: Path, url: str, issuer: str, role: str) -> Path:
    """The settings of the agent."""
    (folder / "oidc").write_text(SECRET)
    provider = {
        "issuer": issuer,
        "client_id": CLIENT,
        "client_secret_file": str(folder / "oidc"),
        "roles": {"sre": role},
        "button": "Sign in with Example",
    }
    settings = {"external_url": url, "auth": {"mode": "token", "oidc": provider}, "health": {"enabled": False}}
    path = folder / "aether.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def settings_of(folder: Path, port: int, rig: IdentityProviderRig, role: str) -> dict[str, str]:
    """The environment of an agent that listens there."""
    config = written(folder, f"http://127.0.0.1:{port}", rig.issuer, role)
    return {**environment(folder), "AETHER_LISTEN": f"127.0.0.1:{port}", "AETHER_CONFIG": str(config)}


def link_in(page: httpx.Response) -> str:
    """Where the page leads on to."""
    return page.text.partition("0; url=")[2].partition('"')[0]


def test_a_person_signs_in_to_a_real_agent(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with rigs.serving(IdentityProviderRig(f"{url}/login/oidc/callback", now=time.time)) as rig:
        settings = settings_of(tmp_path, port, rig, "responder")
        with httpx.Client(trust_env=False, follow_redirects=True) as browser:
            with serving(settings, tmp_path):
                wait_until_ready(settings)
                assert browser.get(url).status_code == 401
                assert "Sign in with Example" in browser.get(f"{url}/login").text

                page = browser.get(f"{url}/login/oidc?next=/audit")

                hops = [str(hop.url).partition("?")[0] for hop in page.history]
                assert hops == [f"{url}/login/oidc", f"{rig.issuer}/authorize"]
                audit = browser.get(urljoin(url, link_in(page)))
                assert audit.status_code == 200
                assert re.search(r"oidc:ann~[0-9a-f]{8} signed in as responder by the group sre", audit.text)
                answer = browser.post(f"{url}/api/v1/pause", json={"reason": "look"}, headers={"Origin": url})
                assert answer.status_code == 200, answer.text
                assert "oidc:ann~" in answer.text
                assert browser.get(f"{url}/api/v1/tokens").status_code == 403
            with serving(settings, tmp_path):  # the session outlives the agent
                wait_until_ready(settings)
                assert browser.get(f"{url}/audit").status_code == 200
            written(tmp_path, url, rig.issuer, "viewer")
            with serving(settings, tmp_path):  # and not what made it what it is
                wait_until_ready(settings)
                assert browser.get(f"{url}/audit").status_code == 401
    log = (tmp_path / "log").read_text()  # of all three
    assert SECRET not in log
    assert "Traceback" not in log


@pytest.mark.chromium
def test_a_browser_that_comes_from_another_site_is_signed_in_where_it_wanted_to_be(tmp_path: Path) -> None:
    """To a browser `localhost` is another site: it keeps the session's strict cookie back until our page leads on."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    rig = IdentityProviderRig(f"{url}/login/oidc/callback", now=time.time, host="localhost")

    def look(page: Page) -> None:
        assert page.goto(f"{url}/audit").status == 401
        page.locator("main").get_by_role("link", name="Sign in").click()
        page.get_by_role("link", name="Sign in with Example").click()
        page.wait_for_url(f"{url}/audit")
        assert "oidc:ann~" in page.inner_text("header")
        [cookie] = page.context.cookies()
        assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("aether_session", True, "Strict")

    with rigs.serving(rig):
        settings = settings_of(tmp_path, port, rig, "viewer")
        with serving(settings, tmp_path):
            wait_until_ready(settings)
            browse(look)
