"""Types that the options of several rooms share, for pydantic."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

from aetherlink.lib.durations import read_duration

Duration = Annotated[timedelta, BeforeValidator(read_duration)]
