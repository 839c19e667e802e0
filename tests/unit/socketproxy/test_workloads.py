"""Which containers the proxy changes: by what Compose writes on replicas, not by what images bring."""

import pytest

from aetherlink.errors import ForbiddenError
from aetherlink.socketproxy.workloads import Workloads, key_of

OF_AN_IMAGE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "crm"}
REPLICA = {**OF_AN_IMAGE, "com.docker.compose.oneoff": "False"}
ONE_OFF = {**OF_AN_IMAGE, "com.docker.compose.oneoff": "True"}


@pytest.mark.parametrize("declared", ["shop", "shop/crm"])
def test_a_project_of_the_settings_opts_in_its_replicas_and_nothing_else(declared: str) -> None:
    workloads = Workloads((declared,), own="")
    workloads.check({"Id": "1" * 64, "Name": "/shop-crm-1", "Config": {"Labels": REPLICA}})

    for labels in (OF_AN_IMAGE, ONE_OFF):
        with pytest.raises(ForbiddenError, match="is not opted in"):
            workloads.check({"Id": "2" * 64, "Name": "/silly_morse", "Config": {"Labels": labels}})


def test_images_are_remembered_of_the_service_by_its_replicas_alone() -> None:
    assert [key_of(labels, "one") for labels in (REPLICA, OF_AN_IMAGE, ONE_OFF)] == ["shop/crm", "one", "one"]
