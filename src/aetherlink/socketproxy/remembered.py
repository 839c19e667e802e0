"""What the proxy keeps on disk: which images ran for each workload, and a replacement that is under way."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aetherlink.errors import SettingsError, StoreError
from aetherlink.lib.private_files import sync_folder

_WORKLOADS_MAX = 1000
_IMAGES_MAX = 10


@dataclass(frozen=True, slots=True)
class Swap:
    """A replacement under way: the ids of both containers, the name that they share, and whether the old one ran."""

    old: str
    new: str
    name: str
    ran: bool


@dataclass
class Remembered:
    """In a file that is made anew at each change; `images` have the newest last."""

    path: Path
    images: dict[str, list[str]] = field(default_factory=dict)
    swap: Swap | None = None

    @classmethod
    def read(cls, path: Path) -> "Remembered":
        """From the file; empty where there is none. Raises SettingsError for one that cannot be read."""
        try:
            data = json.loads(path.read_text())
            swap = data["swap"]
            images = {str(key): [str(image) for image in images] for key, images in data["images"].items()}
            return cls(path, images, None if swap is None else Swap(**swap))
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise SettingsError(f"{path} cannot be read ({problem}): move it away to begin anew") from problem

    def saw(self, seen: Mapping[str, str]) -> None:
        """These workloads run these images. Written only when that is news. Raises StoreError."""
        news = {key: image for key, image in seen.items() if self.images.get(key, [])[-1:] != [image]}
        if not news:
            return
        for key, image in news.items():
            earlier = self.images.pop(key, [])  # back in at the end: the first of all is the one not seen for longest
            self.images[key] = [*(one for one in earlier if one != image), image][-_IMAGES_MAX:]
        for key in list(self.images)[:-_WORKLOADS_MAX]:
            del self.images[key]
        self._write()

    def ran(self, key: str, image: str) -> bool:
        """Whether the image is known to have run for the workload."""
        return image in self.images.get(key, [])

    def others(self, key: str, image: str) -> list[str]:
        """The images that are known to have run for the workload beside this one, the newest first."""
        return [one for one in reversed(self.images.get(key, [])) if one != image]

    def keep(self, swap: Swap | None) -> None:
        """Note the replacement that begins; None when it is over. Raises StoreError."""
        self.swap = swap
        self._write()

    def _write(self) -> None:
        data: dict[str, Any] = {"images": self.images, "swap": None if self.swap is None else asdict(self.swap)}
        aside = self.path.with_suffix(".new")
        try:
            with aside.open("w") as file:
                json.dump(data, file)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as problem:
            raise StoreError(f"{self.path} cannot be written: {problem}") from problem
