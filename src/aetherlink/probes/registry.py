"""Every kind of probe by its name. A new kind is one new file and one line here."""

from collections.abc import Callable, Mapping

from aetherlink.ports import Probe
from aetherlink.probes.prometheus import PrometheusProbe

BUILTIN: Mapping[str, Callable[..., Probe]] = {
    "prometheus": PrometheusProbe,
}
