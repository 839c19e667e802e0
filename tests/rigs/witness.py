"""A browser that tells of every script that ran, every server that was asked, and every break of a page's policy."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Page, Request

_VIOLATIONS = (
    "document.addEventListener('securitypolicyviolation',"
    " event => window.violated(event.violatedDirective + ' ' + event.blockedURI + ' on ' + location.pathname))"
)


@dataclass
class Witness:
    """`home` is the only server that may be asked. What it saw must stay empty."""

    home: str
    ran: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Everything that happens in it and in what it opens from now on."""
        context = page.context
        context.expose_function("witness", lambda: self.ran.append("witness()"))
        context.expose_function("violated", self._violated)
        context.add_init_script(_VIOLATIONS)
        context.on("request", self._asked)
        context.on("page", self._opened)
        self._opened(page)

    def _violated(self, what: str) -> None:
        self.violations.append(what)

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.home).netloc:
            self.strangers.append(request.url[:200])

    def _dialog(self, dialog: Dialog) -> None:
        self.ran.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _opened(self, page: Page) -> None:
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    @property
    def saw(self) -> dict[str, list[str]]:
        """All that must not have been."""
        return {"ran": self.ran, "violations": self.violations, "strangers": self.strangers, "faults": self.faults}


NOTHING: dict[str, list[str]] = {"ran": [], "violations": [], "strangers": [], "faults": []}
