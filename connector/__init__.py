"""okr-connector: OKR tracking inside Jira and Notion."""
