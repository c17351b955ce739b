"""The two ways in which the pipeline says no: each a sentence, none a traceback."""


class _SentenceError(Exception):
    """One line that any terminal shows as it is, whatever delivered text it quotes."""

    def __init__(self, sentence: str) -> None:
        super().__init__("".join(each if each.isprintable() else " " for each in sentence))


class UnusableInputError(_SentenceError):
    """The delivery, a setting or an argument cannot be used. Exit status 2."""


class RefusedError(_SentenceError):
    """A blocking check or the production gate refuses. Exit status 1."""
