"""As much of a terminal as a living block needs: what its screen shows, and what has scrolled out at its top."""

from __future__ import annotations

import re
import unicodedata

_PIECE = re.compile(r"\x1b\[(?P<numbers>[\d;?]*)(?P<final>[A-Za-z])|(?P<control>[\r\n])|(?P<text>[^\x1b\r\n]+)")


class Terminal:
    """Takes what is written to a terminal of this size. Wide characters take two columns."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.lines: list[list[str]] = [[]]
        self._row = self._column = 0

    def write(self, data: str) -> None:
        """Take it in. Fails for a control sequence that it does not know."""
        taken = 0
        for found in _PIECE.finditer(data):
            assert found.start() == taken, repr(data[taken : found.start()])
            taken = found.end()
            if found["final"]:
                self._control(found["final"], found["numbers"])
            elif found["control"]:
                self._column = 0  # also after a line feed: so the kernel makes it of what programs write
                if found["control"] == "\n":
                    self._feed()
            else:
                for char in found["text"]:
                    self._put(char)
        assert taken == len(data), repr(data[taken:])

    @property
    def text(self) -> list[str]:
        """All lines, those that have scrolled out included."""
        return ["".join(line).rstrip() for line in self.lines]

    def _put(self, char: str) -> None:
        wide = 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if self._column + wide > self.width:
            self._column = 0
            self._feed()
        line = self.lines[self._row]
        line += " " * (self._column + wide - len(line))
        line[self._column : self._column + wide] = [char, ""][:wide]
        self._column += wide

    def _feed(self) -> None:
        self._row += 1
        if self._row == len(self.lines):
            self.lines.append([])

    def _control(self, final: str, numbers: str) -> None:
        if final == "A":  # up, but not into what has scrolled out
            top = max(0, len(self.lines) - self.height)
            self._row = max(top, self._row - int(numbers or 1))
        elif final == "K":
            assert numbers == "2"
            self.lines[self._row] = []
        else:
            assert final in "mhl", f"{numbers}{final}"
