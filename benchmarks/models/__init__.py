"""dealcast's models beside known truths and named peers; nothing in the product imports this."""
