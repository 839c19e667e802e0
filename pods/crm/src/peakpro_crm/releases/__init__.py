"""Which lead store each release runs: the one difference between a good and a bad release.

`app` looks the running release up here.
"""

from collections.abc import Mapping

from peakpro_crm.leads import LeadStore
from peakpro_crm.releases.v1_1_0 import ReportingLeadStore
from peakpro_crm.settings import Release

LEAD_STORES: Mapping[Release, type[LeadStore]] = {Release.GOOD: LeadStore, Release.BAD: ReportingLeadStore}
