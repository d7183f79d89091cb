"""Where people read: the terminal, or whatever standard output is connected to."""

import rich.console


class Console(rich.console.Console):
    """One that leaves it to its user what to do when nobody reads any more, instead of ending the program."""

    def on_broken_pipe(self) -> None:
        """Say so once, and print nothing more.

        Raises:
            BrokenPipeError: always.
        """
        self.quiet = True
        raise BrokenPipeError
