"""The commands, one file per door; each imports what it needs when it is called."""
