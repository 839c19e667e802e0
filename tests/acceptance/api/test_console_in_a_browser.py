"""The console in a real Chromium: live, by two clicks, by the keyboard, in both themes, on a phone."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from aetherlink.model.actions import Action, ActionState, Approval
from aetherlink.model.decisions import Decision, Effect
from rigs import event_source
from rigs.browser import Overheard, browse
from rigs.pages import apart, fire, note, put

pytestmark = pytest.mark.chromium

PROMISED = 1_000  # milliseconds from a webhook to the screen
ASKED = Decision(Effect.NEEDS_APPROVAL, "mode_allows", "mode is approve: a person has to approve it")


def waiting(agent, incident: str) -> Action:
    now = datetime.now(UTC)
    shown = {
        "target": {"name": "crm-api", "executor": "docker", "service": "crm"},
        "observed": {"ready": 0, "wanted": 1, "identity": "4f1d0c"},
        "undo": "nothing: restart cannot be undone",
        "evidence": "`up == 0` shows holds: up 0",
    }
    approval = Approval("9f" * 32, now, now + timedelta(minutes=30), shown)
    return put(agent, incident, state=ActionState.WAITING_APPROVAL, decision=ASKED, approval=approval)


def grants(agent, action: Action) -> list[str]:
    found = apart(agent.store.read(lambda rows: rows.actions.get(action.id)))
    return [grant.by for grant in found.approval.grants]


def as_operator(agent) -> dict[str, object]:
    return {"extra_http_headers": {"Authorization": f"Bearer {agent.secrets['operator']}"}}


def test_what_a_webhook_brings_is_there_within_a_second_and_disturbs_nothing(agent) -> None:
    incident = fire(agent, "First", tenant="acme-corp")
    heard = Overheard()

    def look(page: Page) -> None:
        heard.listen(page)
        event_source.stand_in(page)
        page.goto(agent.url)
        expect(page.locator("#live")).to_contain_text("Live")
        fire(agent, "Second", tenant="vip-umbrella")
        event_source.say(page, "entry", incident_id="inc-1")
        page.locator(".hero", has_text="Second is wrong").wait_for(timeout=PROMISED)
        assert page.title().startswith("2 open")

        page.goto(f"{agent.url}/incidents/{incident}")
        page.fill("#note", "half a sent")
        page.locator("summary", has_text="Labels (").first.click()
        page.evaluate("scrollTo(0, 40)")
        page.focus("#note")
        note(agent, incident, "somebody else wrote this")
        event_source.say(page, "entry", incident_id="inc-another")
        event_source.say(page, "entry", incident_id=incident)
        page.locator(".timeline", has_text="somebody else wrote this").wait_for(timeout=PROMISED)
        assert page.input_value("#note") == "half a sent"
        assert page.evaluate("document.activeElement.id") == "note"
        assert page.locator("details[open]").count() >= 1

    browse(look, **as_operator(agent))

    assert heard.said == []
    assert heard.asked == {urlsplit(agent.url).netloc}


def test_a_stream_that_is_lost_is_said_and_made_up_for(agent) -> None:
    def look(page: Page) -> None:
        event_source.stand_in(page)
        page.goto(agent.url)
        expect(page.locator("#live")).to_contain_text("Live")
        event_source.lose(page)
        expect(page.locator("#live")).to_contain_text("Not live since")
        fire(agent, "Unheard")
        page.evaluate("streams.at(-1).dispatchEvent(new Event('open'))")
        page.locator(".hero", has_text="Unheard is wrong").wait_for(timeout=PROMISED)
        expect(page.locator("#live")).to_have_text("Live")

    browse(look)


def test_a_page_that_cannot_look_anew_does_not_say_that_it_is_live(agent) -> None:
    def look(page: Page) -> None:
        event_source.stand_in(page)
        page.goto(agent.url)
        expect(page.locator("#live")).to_have_text("Live")
        page.route(agent.url + "/", lambda route: route.fulfill(status=401, body="who are you?"))
        event_source.say(page, "entry", incident_id="inc-1")
        expect(page.locator("#live")).to_contain_text("you are signed out")
        page.unroute(agent.url + "/")
        event_source.say(page, "entry", incident_id="inc-1")
        expect(page.locator("#live")).to_have_text("Live")

    browse(look)


def test_it_is_approved_in_two_clicks_and_the_first_names_the_exact_target(agent) -> None:
    action = waiting(agent, fire(agent, "Down", tenant="vip-umbrella"))

    def look(page: Page) -> None:
        event_source.stand_in(page)
        page.goto(agent.url)
        page.click(".hero [data-approve]")
        dialog = page.locator("dialog[open]")
        for words in ("crm-api", "docker", "4f1d0c", "9f9f9f9f9f9f", "restart cannot be undone"):
            expect(dialog).to_contain_text(words)
        assert grants(agent, action) == []
        dialog.locator("button.strong").click()
        expect(page.locator(".notice.good")).to_contain_text("Approved.")

    browse(look, **as_operator(agent))

    assert grants(agent, action) == ["operator"]


def test_a_dialog_shows_what_was_shown_when_it_was_opened_whatever_comes(agent) -> None:
    """Else a person would say yes to something that came in place of what was read."""
    action = waiting(agent, incident := fire(agent, "Down"))

    def look(page: Page) -> None:
        event_source.stand_in(page)
        page.goto(agent.url)
        page.click(".hero [data-approve]")
        now = datetime.now(UTC)
        anew = Approval("ab" * 32, now, now + timedelta(minutes=30), {"target": {"name": "crm-api"}, "undo": "x"})
        put(agent, incident, state=ActionState.WAITING_APPROVAL, decision=ASKED, approval=anew)
        event_source.say(page, "entry", incident_id=incident)
        page.locator(".hero", has_text="abababababab").wait_for()
        expect(page.locator("dialog[open]")).to_contain_text("9f9f9f9f9f9f")
        page.locator("dialog[open] button.strong").click()
        expect(page.locator(".notice.bad")).to_contain_text("drifted")

    browse(look, **as_operator(agent))

    assert grants(agent, action) == []


def test_everything_goes_by_the_keyboard(agent) -> None:
    fire(agent, "First", tenant="vip-umbrella")
    action = waiting(agent, incident := fire(agent, "Second", tenant="vip-umbrella"))
    fire(agent, "Third", tenant="acme-corp")

    def look(page: Page) -> None:
        event_source.stand_in(page)
        page.goto(agent.url)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.type("jj")
        page.keyboard.type("k")
        page.keyboard.press("Enter")
        page.wait_for_url("**/incidents/inc-*")
        page.keyboard.type("gn")
        page.wait_for_url(agent.url + "/")
        page.keyboard.type("?")
        expect(page.locator("#keys")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.type("gi")
        page.wait_for_url("**/incidents")
        page.goto(f"{agent.url}/incidents/{incident}")
        page.keyboard.type("a")
        expect(page.locator("dialog[open]")).to_be_visible()
        page.keyboard.press("Escape")
        page.wait_for_function(f"document.activeElement.id === 'ask-{action.id}'")
        assert grants(agent, action) == []
        page.keyboard.press("Enter")
        expect(page.locator("dialog[open]")).to_be_visible()
        assert page.evaluate("document.activeElement.className") == "strong"
        page.keyboard.press("Enter")
        page.wait_for_url("**said=approved")

    browse(look, **as_operator(agent))

    assert grants(agent, action) == ["operator"]


@pytest.mark.parametrize(("width", "height"), [(380, 800), (1280, 800), (1920, 1080)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_the_screen(agent, width: int, height: int, scheme: str) -> None:
    put(agent, incident := fire(agent, "Down" * 30, tenant="vip-" + "x" * 150))
    waiting(agent, fire(agent, "Other", tenant="vip-umbrella"))

    def look(page: Page) -> None:
        event_source.stand_in(page)
        for path in ("/", "/incidents", f"/incidents/{incident}", "/incidents/inc-none"):
            page.goto(agent.url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path

    browse(look, viewport={"width": width, "height": height}, color_scheme=scheme, **as_operator(agent))


def test_who_cause_and_request_of_the_worst_are_seen_without_scrolling(agent) -> None:
    waiting(agent, fire(agent, "Down", tenant="vip-umbrella"))
    for number in range(8):
        fire(agent, f"Other{number}", tenant="acme-corp")

    def look(page: Page) -> None:
        event_source.stand_in(page)
        page.goto(agent.url)
        for selector in (
            "text=for vip-umbrella",
            "dt:text-is('Cause')",
            ".hero [data-approve]",
            "#live-now .incidents",
        ):
            box = page.locator(selector).first.bounding_box()
            assert box is not None
            assert box["y"] + min(box["height"], 100) <= 800, selector

    browse(look, viewport={"width": 1280, "height": 800}, **as_operator(agent))


def test_the_chosen_theme_stays_and_is_there_before_anything_is_drawn(agent) -> None:
    def look(page: Page) -> None:
        event_source.stand_in(page)
        page.goto(agent.url)
        page.click("#theme")
        page.click("#theme")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.reload(wait_until="commit")
        page.wait_for_selector("main")
        assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
        page.click("#theme")
        assert page.evaluate("document.documentElement.dataset.theme") is None

    browse(look, color_scheme="light")


def test_times_are_the_readers_with_utc_beside_them(agent) -> None:
    incident = fire(agent, "Down")

    def look(page: Page) -> None:
        event_source.stand_in(page)
        page.goto(f"{agent.url}/incidents/{incident}")
        time = page.locator(".timeline time").first
        assert time.get_attribute("title").endswith(" UTC")
        hour = int(time.get_attribute("title")[11:13])
        assert int(time.inner_text()[-8:-6]) == (hour + 9) % 24

    browse(look, timezone_id="Asia/Tokyo")
