"""With ten thousand alerts no page and no answer is larger than with a few, and what is counted is what is there."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route, expect

from aetherlink.console import alert_list
from aetherlink.model.alerts import Alert, AlertStatus, Episode, Suppression
from aetherlink.model.ids import Fingerprint, SourceName
from rigs.browser import browse

MANY, FEW = 10_000, 1_500
MOST_ROWS = 500
MOST_LOOKED_AT = 1_000
LARGEST_ANSWER = 400_000  # bytes of JSON before it is compressed
ROOM = 500  # bytes: longer numbers, more kinds of them
NOW = datetime.now(UTC)


def put(agent, count: int, first: int = 1, **more: str) -> None:
    """Alerts as they are stored, of a few names in uneven shares."""
    episodes = [episode(number, **more) for number in range(first, first + count)]
    asyncio.run(agent.store.write(lambda rows: rows.alerts.put(episodes, [], at=NOW)))


def episode(number: int, **more: str) -> Episode:
    name = more.get("alertname") or ("Most" if number % 4 else "Fewer")
    labels = {"alertname": name, "severity": "warning", "service": f"s{number % 50}", "instance": f"i{number}", **more}
    begun = NOW - timedelta(seconds=number)
    alert = Alert(SourceName("default"), Fingerprint(f"{number:016x}"), AlertStatus.FIRING, begun, None, labels, {})
    return Episode(
        id=number,
        alert=alert,
        status=AlertStatus.FIRING,
        since=begun,
        ends_at=None,
        suppressed=Suppression.NONE,
        name=name,
        tenant="acme",
        severity="warning",
        incident_id=None,
    )


def parts(agent, path: str = "/alerts/rows") -> list[dict]:
    """Every part of the list, each looked at as it comes."""
    found: list[dict] = []
    cursor = ""
    while True:
        answer = agent.call("GET", f"{path}{'&' if '?' in path else '?'}{cursor}")
        assert answer.status_code == 200
        assert len(answer.content) <= LARGEST_ANSWER
        found.append(answer.json())
        assert len(found[-1]["rows"]) <= MOST_ROWS
        assert len(found[-1]["rows"]) <= found[-1]["looked"] <= MOST_LOOKED_AT
        if found[-1]["next"] is None:
            return found
        cursor = f"cursor={found[-1]['next']}"


def column(found: list[dict], place: int) -> list[str]:
    return [part["texts"][row[place]] for part in found for row in part["rows"]]


def test_a_page_does_not_grow_with_what_fires(agent) -> None:
    put(agent, FEW)
    few = len(agent.call("GET", "/alerts").content)
    put(agent, MANY - FEW, FEW + 1)
    page = agent.call("GET", "/alerts")
    found = parts(agent)

    assert len(page.content) < few + ROOM
    assert f">{MANY:,}<" in page.text
    assert sorted(int(each.rpartition("=i")[2].split()[0]) for each in column(found, 5)) == list(range(1, MANY + 1))
    assert Counter(column(found, 1)) == {"Most": MANY * 3 // 4, "Fewer": MANY // 4}
    assert [part["stored"] for part in found] == [MANY] + [None] * (len(found) - 1)
    assert sum(part["looked"] for part in found) == MANY


def test_what_is_narrowed_is_looked_for_part_by_part(agent, monkeypatch) -> None:
    monkeypatch.setattr(alert_list, "_LOOKED_AT", MOST_ROWS)
    put(agent, FEW)
    only = quote('instance="i3"')

    found = parts(agent, f"/alerts/rows?q={only}")

    assert [len(part["rows"]) for part in found] == [0, 0, 1]
    assert "service=s3  instance=i3" in column(found, 5)[0]
    assert [part["looked"] for part in found] == [MOST_ROWS] * 3


def test_of_much_that_fits_a_part_has_no_more_than_of_all(agent) -> None:
    put(agent, FEW)
    only = quote('alertname="Most"')

    found = parts(agent, f"/alerts/rows?q={only}")

    fitting = [number for number in range(FEW, 0, -1) if number % 4]
    assert [len(part["rows"]) for part in found] == [MOST_ROWS, MOST_ROWS, len(fitting) - 2 * MOST_ROWS]
    assert [int(each.rpartition("=i")[2]) for each in column(found, 5)] == fitting
    assert sum(part["looked"] for part in found) == FEW


def test_long_labels_make_parts_shorter_not_larger(agent) -> None:
    put(agent, FEW // 2, **{f"label_{number}": chr(97 + number) * 4_000 for number in range(6)})

    found = parts(agent)

    assert len(found) > 2
    assert len(set(column(found, 5))) == FEW // 2


@pytest.mark.parametrize("cursor", ["x", "1", "1-", "-1", "1-2-3", "9" * 17 + "-1", "1-2%20"])
def test_an_invented_cursor_is_refused(agent, cursor: str) -> None:
    assert agent.call("GET", f"/alerts/rows?cursor={cursor}").status_code == 400


@pytest.mark.chromium
def test_the_list_grows_while_one_looks_and_is_whole_in_the_end(agent, monkeypatch) -> None:
    """In parts of fifty, so that there are many."""
    monkeypatch.setattr(alert_list, "_PART", 50)
    count = 620
    with_fewer = count // 4

    def look(page: Page) -> None:
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{agent.url}/alerts")
        grid = page.locator("[role=grid]")
        expect(grid).to_have_attribute("aria-rowcount", str(count))
        expect(page.locator("#alert-count")).to_have_text(f"{count}")
        expect(page.locator(".groups")).to_contain_text(f"Most {count - with_fewer}")
        assert page.locator("[role=row]").count() < 100
        expect(page.locator("[aria-rowindex='1'] .name")).to_have_text("Most")

        grid.press("End")
        last = page.locator(f"[aria-rowindex='{count}']")
        expect(last).to_be_visible()
        expect(last.locator(".name")).to_have_text("Fewer")

        page.fill("#q", 'service="s8"')
        expect(page.locator("#alert-count")).to_have_attribute("aria-busy", "false")
        fitting = sum(number % 50 == 8 for number in range(1, count + 1))
        expect(page.locator("#alert-count")).to_have_text(f"{fitting}")
        expect(grid).to_have_attribute("aria-rowcount", str(fitting))

        page.fill("#q", 'service="none"')
        expect(page.locator("#alerts")).to_contain_text("None of the alerts fits.")
        expect(page.locator("#alert-count")).to_have_text("0")
        page.fill("#q", "")
        expect(grid).to_have_attribute("aria-rowcount", str(count))
        assert said == []

    put(agent, count)
    browse(look, viewport={"width": 1280, "height": 800})


@pytest.mark.chromium
def test_what_one_looks_at_stays_where_it_is_when_more_comes(agent, monkeypatch) -> None:
    """The first part is one group, which is not the largest of all: its rows move down under the window."""
    monkeypatch.setattr(alert_list, "_PART", 100)
    put(agent, 300)
    put(agent, 100, 301, alertname="Latest")

    def look(page: Page) -> None:
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        page.route("**/alerts/rows?cursor=*", hold, times=1)
        page.goto(f"{agent.url}/alerts")
        page.locator("[role=row]").first.wait_for()
        assert page.locator("[role=grid]").get_attribute("aria-rowcount") == "-1"
        page.evaluate("document.querySelector('.window').scrollTop = 28 * 20")
        before = page.evaluate(TOP)
        held[0].continue_()
        expect(page.locator("[role=grid]")).to_have_attribute("aria-rowcount", "400")
        assert page.evaluate(TOP) == before
        assert page.evaluate("document.querySelector('.window').scrollTop") == 28 * (20 + 225)

    browse(look, viewport={"width": 1280, "height": 800})


TOP = """(() => {
  const list = document.querySelector('.window').getBoundingClientRect();
  const at = document.elementFromPoint(list.left + 400, list.top + 14);
  return at.closest('[role=row]').querySelector('.labels').textContent;
})()"""


@pytest.mark.chromium
def test_a_link_to_one_alert_behind_those_of_the_page_finds_it(agent) -> None:
    """The page itself looks at a thousand; without a script it says so, with one the list goes on by itself."""
    put(agent, FEW)
    path = "/alerts?q=" + quote('instance="i5"')

    def look(page: Page) -> None:
        page.goto(f"{agent.url}{path}")
        expect(page.locator("#alert-count")).to_have_text("1")
        expect(page.locator("[aria-rowindex='1'] .labels")).to_contain_text("instance=i5")

    assert "None of the 1,000 that changed last fits." in agent.call("GET", path).text
    browse(look, viewport={"width": 1280, "height": 800})
