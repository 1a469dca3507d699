"""The `<deal-score>` element that a CRM's page embeds: one script, served as it lies here."""
