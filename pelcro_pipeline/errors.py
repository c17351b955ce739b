"""The two ways in which the pipeline says no: each a sentence, none a traceback."""


class UnusableInputError(Exception):
    """The delivery, a setting or an argument cannot be used. Exit status 2."""


class RefusedError(Exception):
    """A blocking check or the production gate refuses. Exit status 1."""
