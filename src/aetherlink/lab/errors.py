"""What can go wrong with a lab, as errors that say what to do next. Raised in this package only."""

from aetherlink.errors import AetherError, SettingsError, UnreachableError


class LabError(AetherError):
    """The lab could not do what was asked."""


class LabSettingsError(LabError, SettingsError):
    """A file or an option of the lab is wrong."""


class MissingToolError(LabError, SettingsError):
    """A program that the lab needs is neither installed nor can it be fetched."""


class LabBusyError(LabError):
    """Another lab already runs in this directory."""


class LabNotRunningError(LabError, UnreachableError):
    """No lab runs in this directory: start one with `aether lab up`."""


class LabStartError(LabError):
    """A service of the lab did not become ready."""


class PortTakenError(LabStartError):
    """A port that was free when the lab chose it belongs to another program by now."""
