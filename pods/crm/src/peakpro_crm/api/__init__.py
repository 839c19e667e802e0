"""The CRM's HTTP doors: one router a file."""
