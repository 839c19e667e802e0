"""Apprise: several URLs, those that cannot be used, and what its plugins make of words from outside."""

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.clients.apprise import AppriseProcess
from aetherlink.clients.apprise_options import AppriseOptions
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import SettingsError, UndeliveredError
from aetherlink.model.deliveries import Failure
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers import messages
from aetherlink.notifiers.inert import inert
from aetherlink.notifiers.opened import Opened
from aetherlink.notifiers.options import NotifierOptions
from aetherlink.notifiers.registry import BUILTIN, open_notifier
from rigs.letters import LINK, incident, letter
from rigs.notifiers import NtfyServer
from rigs.scripted_http import Lapse

A_START = timedelta(seconds=60)
DEADLINE = timedelta(seconds=20)


def opened(folder: Path, *urls: str, **settings: str) -> Opened:
    file = folder / "urls"
    file.write_text("# ours\n\n" + "\n".join(urls))
    return BUILTIN["apprise"](AppriseOptions.model_validate({"urls_file": file, **settings}), ClientOptions())


async def test_a_url_that_has_heard_it_does_not_hear_it_again(tmp_path: Path) -> None:
    first, second = NtfyServer(), NtfyServer()
    for server in (first, second):
        await server.start()
    second.lapses.append(Lapse(503))
    made = opened(tmp_path, *(f"ntfy://127.0.0.1:{one.port}/ops" for one in (first, second)))
    await made.notifier.check(deadline=A_START)
    with pytest.raises(UndeliveredError, match=r"line 2 of urls_file \(ntfy\) answered 503"):
        await made.notifier.tell(letter(), deadline=DEADLINE)
    await made.notifier.tell(letter(), deadline=DEADLINE)
    await made.aclose()
    for server in (first, second):
        await server.stop()

    assert (len(first.taken), len(second.taken)) == (1, 1)


async def test_a_test_of_the_channel_while_it_speaks_disturbs_nothing(tmp_path: Path) -> None:
    server = NtfyServer()
    await server.start()
    made = opened(tmp_path, f"ntfy://127.0.0.1:{server.port}/ops")
    await made.notifier.check(deadline=A_START)
    told = (made.notifier.tell(letter(about=incident(id=f"inc-{one}")), deadline=DEADLINE) for one in range(5))
    references = await asyncio.gather(*told)
    await made.aclose()
    await server.stop()

    assert [one["key"] for one in references] == [f"inc-{one}-1" for one in range(5)]
    assert len(server.taken) == 5


async def test_a_url_that_cannot_be_used_is_named_by_its_line_and_not_shown(tmp_path: Path) -> None:
    made = opened(tmp_path, "nosuch://s3cret@host", "dbus://", "tgram://not-a-token")
    for call in (made.notifier.check(deadline=A_START), made.notifier.tell(letter(), deadline=DEADLINE)):
        with pytest.raises(UndeliveredError, match=r"of urls_file .* is no URL that Apprise can use") as caught:
            await call
        assert caught.value.failure == Failure.AUTH
        assert "s3cret" not in str(caught.value)
    await made.aclose()


def test_of_a_line_that_is_no_url_nothing_is_shown(tmp_path: Path) -> None:
    """A bare token for instance: its beginning is a secret, too."""
    file = tmp_path / "urls"
    file.write_text("123456789:s3cret\ns3cret\nNTFY://host/topic\ns3cret:x://y\n")

    assert AppriseProcess(AppriseOptions(urls_file=file)).schemes == ("no URL", "no URL", "NTFY", "no URL")


async def test_a_proxy_that_is_set_is_used(tmp_path: Path) -> None:
    proxy = NtfyServer()
    await proxy.start()
    made = opened(tmp_path, "ntfy://ntfy.example.org/ops", proxy=proxy.url)
    await made.notifier.check(deadline=A_START)
    await made.notifier.tell(letter(), deadline=DEADLINE)
    await made.aclose()
    await proxy.stop()

    [request] = proxy.requests
    assert request.path.startswith("http://ntfy.example.org")


@pytest.mark.parametrize("content", ["", "# nothing\n", "x\n" * 11, "ntfy://a\x07b/c"])
def test_a_file_without_urls_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "urls"
    file.write_text(content)
    with pytest.raises(SettingsError, match="has to hold 1 to 10 lines"):
        BUILTIN["apprise"](AppriseOptions(urls_file=file), ClientOptions())


def test_what_is_too_long_is_cut_and_who_has_several_recipients_is_refused() -> None:
    program = PROGRAM.replace(
        "print(json.dumps(sent))",
        """
for url in ("tgram://123456789:abcdefg_hijklmnop/1/2", "ntfy://host.example/a/b"):
    assert apprise_child._plugin(url) is None, url
print(json.dumps([json.loads(one) for one in sent]))
""",
    )
    body = messages.text(letter(*[EventKind.NOTE] * 50, text="x" * 200))
    message = {"title": "t" * 200, "body": body, "type": "failure"}
    urls = [SERVICES["telegram"], f"{SERVICES['telegram']}?overflow=split", SERVICES["discord"]]
    asked = json.dumps({"urls": urls, "message": message})
    done = subprocess.run(
        [sys.executable, "-c", program], input=asked, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr

    texts = [one.get("text") or one["content"] for one in json.loads(done.stdout)]
    assert [len(one) <= most for one, most in zip(texts, (4096, 4096, 2000), strict=True)] == [True] * 3
    assert all(LINK in one for one in texts)


SERVICES = {
    "telegram": "tgram://123456789:abcdefg_hijklmnop/12315544/",
    "teams": "workflows://host.example:443/abcdef0123456789abcdef0123456789/signature",
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops",
    "discord": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "mattermost": "mmost://host.example/3ccdd113474722377935511fc85d3dd4",
}
PROGRAM = """
import json, sys
import requests
from aetherlink.clients import apprise_child

sent = []
def adapter_send(self, request, **options):
    body = request.body
    sent.append(body.decode() if isinstance(body, bytes) else str(body))
    response = requests.Response()
    response.status_code, response.request, response.url = 200, request, request.url
    import io
    from urllib3 import HTTPResponse
    said = b"ok" if "slack" in request.url else b'{"ok": true}'
    response.raw = HTTPResponse(io.BytesIO(said), status=200, preload_content=False)
    return response
requests.adapters.HTTPAdapter.send = adapter_send
asked = json.load(sys.stdin)
for url in asked["urls"]:
    plugin = apprise_child._plugin(url)
    assert plugin is not None, url
    told = apprise_child._told(plugin, asked["message"])
    assert told == {"is_told": True}, (url, told)
print(json.dumps(sent))
"""


def test_what_other_services_are_sent_pings_and_links_nothing() -> None:
    hostile = inert('<!channel> <@U1> @here <http://evil|Approve> [x](http://evil) <a href="http://evil">y</a>')
    message = {"title": hostile, "body": f"a\n{hostile}", "type": "failure"}
    asked = json.dumps({"urls": list(SERVICES.values()), "message": message})
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=asked, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr

    sent = [json.dumps(json.loads(one), ensure_ascii=False) for one in json.loads(done.stdout)]
    assert len(sent) == len(SERVICES)
    for one in sent:
        for harm in ("<!channel>", "<@U1>", "@here", "http://evil", "](", "<a href"):
            assert harm not in one


@pytest.mark.parametrize(
    ("kind", "sdk", "settings"),
    [("pagerduty", "pagerduty", {"routing_key_file": "key"}), ("apprise", "apprise", {"urls_file": "urls"})],
)
def test_without_its_extra_a_channel_says_what_to_install(kind: str, sdk: str, settings: dict[str, str]) -> None:
    program = f"""
import sys
sys.modules[{sdk!r}] = None
import aetherlink.voice
from aetherlink.clients.options import ClientOptions
from aetherlink.notifiers.options import NotifierOptions
from aetherlink.notifiers.registry import open_notifier
assert "httpx2" not in sys.modules and "requests" not in sys.modules
open_notifier(NotifierOptions.model_validate({{{kind!r}: {settings!r}}}), ClientOptions())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert f"SettingsError: a channel of the kind {kind} needs {sdk}, which is not installed" in done.stderr
    assert f"pip install 'aetherlink[{kind}]'" in done.stderr


def test_a_channel_of_two_kinds_is_none() -> None:
    with pytest.raises(ValueError, match="a channel is one of apprise, email, grafana, pagerduty, slack, webhook"):
        NotifierOptions.model_validate({"webhook": {"url": "http://a"}, "pagerduty": {"routing_key_file": "k"}})
    with pytest.raises(SettingsError, match="routing_key_file"):
        open_notifier(NotifierOptions.model_validate({"pagerduty": {"routing_key_file": "/none"}}), ClientOptions())
