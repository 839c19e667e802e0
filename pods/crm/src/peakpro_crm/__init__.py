"""PeakPro CRM: the patient on which the agent is shown and tested."""
