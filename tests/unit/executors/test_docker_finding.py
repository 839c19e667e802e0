"""Which container the labels of an alert mean: as cAdvisor, blackbox, promtail and plain scrapes write them."""

from dataclasses import replace

import pytest

from aetherlink.clients.docker_containers import Listed
from aetherlink.executors.docker_finding import Declared, Grounds, found
from aetherlink.executors.docker_found import name_of, place_of, target_of
from aetherlink.executors.docker_options import DockerExecutorOptions, DockerPlace
from aetherlink.executors.docker_own_life import OwnLife
from aetherlink.model.actions import Target
from aetherlink.model.findings import Finding
from aetherlink.model.ids import TargetName
from aetherlink.policy.protection import own_names

OWN_NAMES = own_names(
    prometheus=["http://metrics:9090", "http://172.18.0.99:9090", "http://[fd00::99]:9090"],
    alertmanagers=[],
    database_url=None,
    protected=["vault"],
)
OPTIONS = DockerExecutorOptions(host="unix:///run/x.sock", projects=("shop",))
GROUNDS = Grounds(OPTIONS, own_life=OwnLife(OWN_NAMES, container="e" * 12))


def of_compose(number: int, name: str, service: str, project: str = "shop", **labels: str) -> Listed:
    """A replica as Docker lists it, in the project's own network."""
    return Listed(
        id=f"{number:064x}",
        names=(name,),
        labels={
            "com.docker.compose.project": project,
            "com.docker.compose.service": service,
            "com.docker.compose.oneoff": "False",
            **{key.replace("__", "."): value for key, value in labels.items()},
        },
        image=f"{service}:1",
        networks=(f"{project}_default",),
        addresses=(f"172.18.0.{number}",),
    )


MANAGED = {"aether__managed": "true"}
CRM_1 = of_compose(5, "shop-crm-1", "crm", org__team="sales")
CRM_2 = of_compose(6, "shop-crm-2", "crm", org__team="sales")
DB = of_compose(7, "shop_db", "db")
EXPORTER = of_compose(8, "shop-nodeexporter-1", "nodeexporter")
CADVISOR = of_compose(9, "cadvisor", "cadvisor", **MANAGED)
BLOG = of_compose(10, "blog-web-1", "web", "blog")
BLOG_CRM = of_compose(11, "blog-crm-1", "crm", "blog")
CACHE = Listed("c" * 64, ("redis_cache", "web/cache"), {"aether.managed": "true"}, image="redis:7")
BARE = Listed("b" * 64, ("postgres",), {}, image="postgres:16")
HERE = (CRM_1, CRM_2, DB, EXPORTER, CADVISOR, BLOG, CACHE, BARE)

CRM = "compose:shop.crm"
OF_CADVISOR = {"instance": "cadvisor:8080", "job": "cadvisor"}
FOUND: dict[str, tuple[dict[str, str], str]] = {
    "cAdvisor's name": ({**OF_CADVISOR, "name": "shop-crm-1"}, CRM),
    "absent() of cAdvisor's name": ({"name": "redis_cache"}, "container:redis_cache"),
    "cAdvisor's compose labels": (
        {
            **OF_CADVISOR,
            "container_label_com_docker_compose_project": "shop",
            "container_label_com_docker_compose_service": "db",
        },
        "compose:shop.db",
    ),
    "cAdvisor's id beside them": ({**OF_CADVISOR, "id": f"/docker/{CRM_1.id}", "name": "shop-crm-1"}, CRM),
    "cAdvisor's id, of systemd": ({"id": f"/system.slice/docker-{DB.id}.scope"}, "compose:shop.db"),
    "any other label of a container": ({**OF_CADVISOR, "container_label_org_team": "sales"}, CRM),
    "promtail's container": ({"container": "/shop_db", "host": "node-1"}, "compose:shop.db"),
    "promtail's compose_service": ({"compose_project": "shop", "compose_service": "crm"}, CRM),
    "container_name": ({"container_name": "redis_cache"}, "container:redis_cache"),
    "instance by service": ({"instance": "crm:8000", "job": "crm"}, CRM),
    "instance by service, in other letters": ({"instance": "CRM:8000"}, CRM),
    "instance by container": ({"instance": "shop_db:5432"}, "compose:shop.db"),
    "instance by address": ({"instance": "172.18.0.7:5432"}, "compose:shop.db"),
    "instance by network": ({"instance": "crm.shop_default:8000"}, CRM),
    "instance by id": ({"instance": f"{'c' * 12}:6379"}, "container:redis_cache"),
    "instance without a port": ({"instance": "redis_cache"}, "container:redis_cache"),
    "blackbox's instance": ({"instance": "http://crm:8000/health?deep=1"}, CRM),
    "blackbox's target": ({"target": "https://user@crm/", "instance": "blackbox:9115"}, CRM),
    "blackbox's target by TCP": ({"target": "shop_db:5432", "instance": "blackbox:9115"}, "compose:shop.db"),
    "an exporter that is asked for by URL": ({"target": "http://nodeexporter:9100"}, "compose:shop.nodeexporter"),
    "an exporter that carries the label": ({"instance": "cadvisor:8080"}, "compose:shop.cadvisor"),
    "id of something else": ({"id": "/", "instance": "crm:8000"}, CRM),
}


@pytest.mark.parametrize(("labels", "expected"), FOUND.values(), ids=FOUND)
def test_these_labels_mean_this_target(labels: dict[str, str], expected: str) -> None:
    finding = found({"alertname": "Down", "severity": "critical", **labels}, HERE, GROUNDS)

    assert finding.target is not None, finding.words
    assert finding.target.name == expected
    assert finding.is_named


NONE: dict[str, tuple[dict[str, str], str, bool]] = {
    "nothing speaks of a container": ({"service": "crm"}, "no label of the alert speaks of a container", False),
    "gone": ({"name": "shop-crm-9"}, "no container with name='shop-crm-9': it is gone, or was never here", True),
    "made anew": (
        {"id": f"/docker/{'d' * 64}", "name": "shop-crm-1"},
        "is gone: shop-crm-1 was made anew since",
        True,
    ),
    "two labels of two containers": (
        {"name": "shop-crm-1", "compose_service": "db"},
        "no single container has all of name='shop-crm-1', compose_service='db'",
        True,
    ),
    "several services": ({"compose_project": "shop"}, "means several: cadvisor, shop-crm-1", True),
    "not given": ({"name": "postgres"}, "postgres was not given to the agent: label it aether.managed=true", True),
    "not given, of a project": ({"name": "blog-web-1"}, "or set docker.projects: [blog]", True),
    "cAdvisor of a whole machine": (
        {"instance": "nodeexporter:9100"},
        "shop-nodeexporter-1, which measures others",
        False,
    ),
    "a host of elsewhere": ({"instance": "db.example.org:5432"}, "leads to no container of Docker", False),
    "this very machine": ({"instance": "localhost:9100"}, "the very machine, or container, of whoever asked", False),
    "this very machine by address": ({"instance": "[::1]:9100"}, "the very machine", False),
    "blackbox of elsewhere": ({"target": "https://example.org", "instance": "crm:9115"}, "no container", False),
    "no address at all": ({"instance": "http://[crm"}, "leads to no container", False),
}


@pytest.mark.parametrize(("labels", "words", "is_named"), NONE.values(), ids=NONE)
def test_these_labels_mean_no_target_and_it_is_said_why(labels: dict[str, str], words: str, is_named: bool) -> None:
    finding = found({"alertname": "Down", **labels}, HERE, GROUNDS)

    assert finding.target is None
    assert words in finding.words
    assert finding.is_named is is_named


def test_an_address_chooses_among_what_the_other_labels_leave_open() -> None:
    labels = {"compose_project": "shop", "instance": "172.18.0.7:5432"}

    finding = found(labels, HERE, GROUNDS)

    assert finding.target is not None
    assert finding.target.name == "compose:shop.db"


BOTH = Grounds(OPTIONS.model_copy(update={"projects": ("shop", "blog")}))
NEITHER = Grounds(OPTIONS.model_copy(update={"projects": ()}))


@pytest.mark.parametrize("grounds", [GROUNDS, BOTH, NEITHER], ids=["one is given", "both are", "neither is"])
def test_a_service_that_two_projects_have_is_nobodys(grounds: Grounds) -> None:
    finding = found({"instance": "crm:8000"}, (*HERE, BLOG_CRM), grounds)

    assert finding.target is None
    assert "means several: blog-crm-1, shop-crm-1, shop-crm-2" in finding.words


@pytest.mark.parametrize(
    "more", [{"compose_project": "shop"}, {"name": "shop-crm-1"}, {"instance": "crm.shop_default"}]
)
def test_of_stacks_that_know_nothing_of_each_other_the_host_alone_does_not_tell(more: dict[str, str]) -> None:
    finding = found({"instance": "crm:8000", **more}, (*HERE, BLOG_CRM), GROUNDS)

    assert finding.target is not None
    assert finding.target.name == CRM


def test_what_sees_all_of_a_machine_has_to_name_the_project_too() -> None:
    finding = found({"compose_service": "crm", **OF_CADVISOR}, (*HERE, BLOG_CRM), GROUNDS)

    assert finding.target is None
    assert "means several" in finding.words


def test_by_default_nothing_is_given_to_the_agent() -> None:
    nothing = Grounds(DockerExecutorOptions(host="unix:///run/x.sock"))

    finding = found({"name": "shop-crm-1"}, HERE, nothing)

    assert finding.target is None
    assert "was not given to the agent" in finding.words


def test_what_one_replica_is_labelled_with_holds_for_the_others_where_it_keeps_them() -> None:
    kept = replace(CRM_2, labels={**CRM_2.labels, "aether.managed": "false"})

    finding = found({"name": "shop-crm-1"}, (CRM_1, kept), GROUNDS)

    assert finding.target is None
    assert "shop-crm-2 is kept from the agent" in finding.words


def test_a_label_gives_the_replica_that_has_it_and_no_other() -> None:
    given = replace(BLOG, labels={**BLOG.labels, "aether.managed": "true"})
    other = replace(BLOG, id="a" * 64, names=("blog-web-2",))

    assert found({"name": "blog-web-1"}, (given, other), GROUNDS).target is not None
    assert found({"name": "blog-web-2"}, (given, other), GROUNDS).target is None


def test_what_was_made_for_one_command_is_left_alone() -> None:
    once = replace(CRM_1, names=("crm-run-1",), labels={**CRM_1.labels, "com.docker.compose.oneoff": "True"})

    finding = found({"name": "crm-run-1"}, (once,), GROUNDS)

    assert finding.target is None
    assert "made for one command" in finding.words


OWN: dict[str, Listed] = {
    "the agent by its service": of_compose(20, "x", "aether-agent"),
    "Prometheus by its service": of_compose(20, "x", "prometheus"),
    "Prometheus by its container": of_compose(20, "shop-prometheus-1", "monitor"),
    "Prometheus by its image": replace(of_compose(20, "x", "monitor"), image="quay.io/prom/prometheus:v3@sha256:1"),
    "Alertmanager by its image": replace(of_compose(20, "x", "bell"), image="prom/alertmanager"),
    "the proxy": of_compose(20, "x", "socket-proxy"),
    "the host of the settings": of_compose(20, "x", "metrics"),
    "the address of the settings": replace(of_compose(20, "x", "y"), addresses=("172.18.0.99",)),
    "the IPv6 address of the settings": replace(of_compose(20, "x", "y"), addresses=("172.18.0.9", "fd00::99")),
    "what the settings protect": of_compose(20, "x", "vault"),
    "the agent by its own id": replace(of_compose(20, "x", "ops"), id="e" * 64),
}


@pytest.mark.parametrize("container", OWN.values(), ids=OWN)
def test_what_the_agent_lives_on_is_never_found(container: Listed) -> None:
    given = replace(container, labels={**container.labels, "aether.managed": "true"})

    finding = found({"name": container.names[0]}, (given,), GROUNDS)

    assert finding.target is None
    assert "is what the agent lives on" in finding.words


def declared(name: str, place: DockerPlace) -> Declared:
    return Declared(Target(TargetName(name), "docker", place.service or place.container, maximum=4), place)


API = declared("crm-api", DockerPlace(project="shop", service="crm"))
FIRST = declared("first", DockerPlace(container="shop-crm-1"))


def found_of(*targets: Declared) -> Finding:
    bare = Grounds(DockerExecutorOptions(host="unix:///run/x.sock"), declared=targets)
    return found({"name": "shop-crm-1"}, (CRM_1, CRM_2), bare)


@pytest.mark.parametrize("target", [API, FIRST], ids=["service", "container"])
def test_a_declared_target_is_that_target_with_its_own_bounds(target: Declared) -> None:
    assert found_of(target).target is target.target


def test_what_is_declared_twice_is_no_target() -> None:
    finding = found_of(API, FIRST)

    assert finding.target is None
    assert "is in several targets: crm-api, first" in finding.words


@pytest.mark.parametrize("value", ["x" * 100_000, "\n\x1b[31m", "../../images/prune", "{0.__class__}"])
def test_whatever_a_label_holds_its_words_stay_short_and_on_one_line(value: str) -> None:
    for label in ("name", "instance", "container_label_org_team", "compose_service"):
        finding = found({label: value}, HERE, GROUNDS)

        assert finding.target is None
        assert len(finding.words) < 500
        assert finding.words.isprintable()


OWN_CRM_1 = Declared(Target(TargetName("crm-1"), "docker", "shop-crm-1", floor=1), DockerPlace(container="shop-crm-1"))


@pytest.mark.parametrize("labels", [{"name": "shop-crm-2"}, {"instance": "crm:8000"}, {"compose_service": "crm"}])
def test_a_service_of_which_a_container_is_a_target_is_none_beside_it(labels: dict[str, str]) -> None:
    finding = found(labels, HERE, replace(GROUNDS, declared=(OWN_CRM_1,)))

    assert finding.target is None
    assert finding.words == "service crm of project shop: part of it is target crm-1: declare the service"


def test_an_alert_of_the_very_container_means_the_target_that_it_is() -> None:
    finding = found({"name": "shop-crm-1"}, HERE, replace(GROUNDS, declared=(OWN_CRM_1,)))

    assert finding.target is OWN_CRM_1.target


OF_HOST_A = replace(
    GROUNDS,
    options=DockerExecutorOptions(host="unix:///run/x.sock", projects=("shop",), alerts=['instance=~"host-a:.*"']),
)


@pytest.mark.parametrize("instance", ["host-b:8080", "crm:8000", ""])
def test_an_alert_of_another_machine_means_no_container_here(instance: str) -> None:
    finding = found({"name": "shop-crm-1", "instance": instance, "job": "cadvisor"}, HERE, OF_HOST_A)

    assert (finding.target, finding.is_named) == (None, True)
    assert 'by docker.alerts: the alert lacks instance=~"host-a:.*"' in finding.words


def test_an_alert_of_this_machine_means_its_container() -> None:
    finding = found({"name": "shop-crm-1", "instance": "host-a:8080"}, HERE, OF_HOST_A)

    assert finding.target is not None
    assert finding.target.name == CRM


def test_without_a_word_of_a_container_the_machine_does_not_matter() -> None:
    assert not found({"alertname": "CrmDown"}, HERE, OF_HOST_A).is_named


INHERITED = {"com.docker.compose.project": "shop", "com.docker.compose.service": "crm"}
BY_HAND = Listed("9" * 64, ("silly_morse",), INHERITED, image="shop-crm", networks=("shop_default",))


def test_what_only_its_image_calls_a_service_is_no_replica() -> None:
    """`docker run` of an image that Compose built: it has the project's and the service's label, and is nobody's."""
    alone = found({"name": "silly_morse"}, [BY_HAND, CRM_1], GROUNDS)
    service = found({"instance": "crm:8000"}, [BY_HAND, CRM_1], GROUNDS)
    labels = found({"compose_project": "shop", "compose_service": "crm"}, [BY_HAND, CRM_1], GROUNDS)

    assert alone.target is None
    assert "silly_morse was not given to the agent" in alone.words
    assert [one.target and one.target.name for one in (service, labels)] == [CRM, CRM]
    assert "silly_morse" not in service.words


PLACES = [
    DockerPlace(project="shop", service="crm"),
    DockerPlace(project="my_shop-2", service="crm.api"),
    DockerPlace(container="redis_cache"),
    DockerPlace(container="a.b.c"),
]


@pytest.mark.parametrize("place", PLACES)
def test_the_name_of_a_found_target_says_where_it_is(place: DockerPlace) -> None:
    made = target_of(name_of(place))

    assert made is not None
    assert (made.executor, made.place) == ("docker", place.words)
    assert place_of(made.name, projects=[place.project]) == replace(place, is_found=True)
    if place.project:
        assert place_of(made.name, projects=[]) == replace(place, is_by_label=True, is_found=True)


@pytest.mark.parametrize("name", ["crm-api", "compose:", "compose:shop", "container:", "container:a/b", "compose:A.b"])
def test_another_name_is_no_place(name: str) -> None:
    assert place_of(name, ()) is None
    assert target_of(TargetName(name)) is None
