"""One module per CRM or format: raw rows in, canonical tables out."""
