"""The errors of data and configuration; each message says what, where, and what to do."""


class DataError(ValueError):
    """The input cannot be used as it is; the message says what would make it usable."""


class MissingTable(DataError):
    """A table without which nothing can be computed is not in the data set."""


class MissingColumn(DataError):
    """A required column is not in a table."""


class UnreadableFile(DataError):
    """A file is not in the format that its name promises, or is empty."""


class UnknownEntity(DataError):
    """A snapshot names an opportunity or an account that the data set lacks."""


class ConfigError(DataError):
    """`pipeline.toml` or a mapping says something that is not understood."""
