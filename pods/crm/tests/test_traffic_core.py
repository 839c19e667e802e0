"""The generator's pure parts: schedule, book of leads, tally, report."""

from collections import Counter
from itertools import islice, pairwise, takewhile

import pytest

from peakpro_crm.traffic.book import LeadBook
from peakpro_crm.traffic.plan import arrivals
from peakpro_crm.traffic.report import line, table
from peakpro_crm.traffic.tally import Account, Latencies, Tally, end_of
from peakpro_crm.traffic.words import Action, Arrival, Call, End

MIX = {Action.CREATE: 1.0, Action.LIST: 3.0}
TENANTS = {"acme-corp": 3.0, "vip-umbrella": 1.0}


def arrival(action: Action, *, number: int = 1, tenant: str = "acme-corp") -> Arrival:
    return Arrival(number=number, at=0.0, tenant=tenant, action=action)


def taught(*leads: tuple[str, str]) -> LeadBook:
    book = LeadBook(run="r", seed=1)
    for lead_id, stage in leads:
        book.learn("acme-corp", Call("POST", "/api/leads"), status=201, answer={"id": lead_id, "stage": stage})
    return book


def test_the_rate_is_exact_over_any_stretch() -> None:
    due = [item.at for item in takewhile(lambda item: item.at < 60, arrivals(20, MIX, tenants=TENANTS, seed=1))]

    assert len(due) == 20 * 60
    assert due == sorted(due)
    assert all(abs(sum(start <= at < start + 10 for at in due) - 200) <= 1 for start in range(50))


def test_arrivals_are_irregular() -> None:
    due = [item.at for item in islice(arrivals(20, MIX, tenants=TENANTS, seed=1), 100)]

    assert len({round(later - sooner, 6) for sooner, later in pairwise(due)}) > 90


def test_the_same_seed_gives_the_same_schedule_and_another_does_not() -> None:
    first, again, other = (list(islice(arrivals(20, MIX, tenants=TENANTS, seed=seed), 50)) for seed in (1, 1, 2))

    assert first == again != other


def test_mix_and_tenants_follow_their_weights() -> None:
    drawn = list(islice(arrivals(20, MIX, tenants=TENANTS, seed=1), 4000))

    assert Counter(item.action for item in drawn)[Action.CREATE] == pytest.approx(1000, rel=0.1)
    assert Counter(item.tenant for item in drawn)["vip-umbrella"] == pytest.approx(1000, rel=0.1)


def test_every_create_has_a_key_of_its_own() -> None:
    book = LeadBook(run="r1", seed=1)

    keys = {book.call_for(arrival(Action.CREATE, number=number)).headers["Idempotency-Key"] for number in range(50)}

    assert len(keys) == 50


@pytest.mark.parametrize("action", [Action.READ, Action.ADVANCE, Action.CONVERT])
def test_an_action_that_needs_a_lead_lists_until_one_is_known(action: Action) -> None:
    call = LeadBook(run="r", seed=1).call_for(arrival(action))

    assert (call.method, call.path) == ("GET", "/api/leads")


@pytest.mark.parametrize(
    ("action", "stage", "method", "path"),
    [
        (Action.READ, "lost", "GET", "/api/leads/1"),
        (Action.ADVANCE, "new", "PATCH", "/api/leads/1"),
        (Action.ADVANCE, "contacted", "PATCH", "/api/leads/1"),
        (Action.CONVERT, "qualified", "POST", "/api/leads/1/convert"),
    ],
)
def test_a_known_lead_is_used(action: Action, stage: str, method: str, path: str) -> None:
    call = taught(("1", stage)).call_for(arrival(action))

    assert (call.method, call.path) == (method, path)


def test_a_lead_is_moved_by_one_request_at_a_time() -> None:
    book = taught(("1", "new"))

    first, second = book.call_for(arrival(Action.ADVANCE)), book.call_for(arrival(Action.ADVANCE))

    assert (first.path, second.path) == ("/api/leads/1", "/api/leads")


def test_no_tenant_uses_another_tenants_lead() -> None:
    call = taught(("1", "new")).call_for(arrival(Action.READ, tenant="globex"))

    assert call.path == "/api/leads"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {"id": "1", "stage": "new"}),
        (201, None),
        (201, ["1"]),
        (201, {"id": 1, "stage": "new"}),
        (201, {"id": "1"}),
    ],
)
def test_an_answer_that_makes_no_sense_teaches_nothing(status: int, answer: object) -> None:
    book = LeadBook(run="r", seed=1)

    book.learn("acme-corp", Call("POST", "/api/leads"), status=status, answer=answer)

    assert book.call_for(arrival(Action.READ)).path == "/api/leads"


def test_the_book_forgets_rather_than_grows() -> None:
    book = taught(*((str(number), "new") for number in range(5000)))

    assert sum(len(shelf) for shelf in book._known.values()) == 300


def test_percentiles_are_within_five_percent() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 1001):
        latencies.note(milliseconds / 1000)

    assert latencies.percentile(0.5) == pytest.approx(0.5, rel=0.05)
    assert latencies.percentile(0.99) == pytest.approx(0.99, rel=0.05)


def test_latencies_take_constant_room() -> None:
    latencies = Latencies()
    for number in range(100_000):
        latencies.note(number * 0.37)

    assert len(latencies.counts) < 400


def test_nothing_measured_has_no_percentile() -> None:
    assert Latencies().percentile(0.5) is None


@pytest.mark.parametrize(
    ("status", "end"),
    [(200, End.OK), (201, End.OK), (404, End.REFUSED), (503, End.FAILED), (302, End.ERROR), (600, End.ERROR)],
)
def test_a_status_is_an_end(status: int, end: End) -> None:
    assert end_of(status) is end


def test_the_table_has_a_row_per_tenant_and_the_sum() -> None:
    tally = Tally.of(TENANTS)
    for end in (End.OK, End.OK, End.FAILED, End.ERROR):
        tally.accounts["vip-umbrella"].sent += 1
        tally.accounts["vip-umbrella"].ended(end, seconds=0.1)
    tally.accounts["acme-corp"].dropped = 7

    rows = [row.split() for row in table(tally, vip={"vip-umbrella"}).splitlines()]

    assert rows[0][:8] == ["tenant", "sent", "2xx", "4xx", "5xx", "errors", "cut", "dropped"]
    assert rows[1][:8] == ["acme-corp", "0", "0", "0", "0", "0", "0", "7"]
    assert rows[2][:9] == ["vip-umbrella", "(VIP)", "4", "2", "0", "1", "1", "0", "0"]
    assert rows[3][:8] == ["all", "4", "2", "0", "1", "1", "0", "7"]


def test_a_line_tells_the_stretch() -> None:
    account = Account(sent=3, dropped=1)
    account.ended(End.REFUSED, seconds=0.01)

    text = line(10, account, in_flight=2)

    assert "sent 3 2xx 0 4xx 1 5xx 0 errors 0 dropped 1 in flight 2" in text
