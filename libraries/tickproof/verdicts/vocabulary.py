"""Words as small numbers: symbols and sides, so that numpy can count and compare them."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

UNKNOWN = -1


class Vocabulary:
    """Numbers words in the order in which they are met."""

    def __init__(self) -> None:
        self._code_of: dict[str, int] = {}
        self._words: list[str] = []

    def __len__(self) -> int:
        return len(self._words)

    def word(self, code: int) -> str:
        """Return the word of a number."""
        return self._words[code]

    def code(self, word: str) -> int:
        """Return the number of a word, UNKNOWN if it has none."""
        return self._code_of.get(word, UNKNOWN)

    def learn(self, column: pa.Array) -> npt.NDArray[np.int32]:
        """Return the numbers of a text column; new words get new numbers, null is UNKNOWN."""
        return self._codes(column, learn=True)

    def look_up(self, column: pa.Array) -> npt.NDArray[np.int32]:
        """Return the numbers of a text column; new words and null are UNKNOWN."""
        return self._codes(column, learn=False)

    def _codes(self, column: pa.Array, *, learn: bool) -> npt.NDArray[np.int32]:
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        words = column.dictionary.to_pylist()
        table = np.full(len(words) + 1, UNKNOWN, np.int32)  # the last entry is for null
        for place, word in enumerate(words):
            if word is None:
                continue
            if learn and word not in self._code_of:
                self._code_of[word] = len(self._words)
                self._words.append(word)
            table[place] = self._code_of.get(word, UNKNOWN)
        indices = column.indices
        if indices.null_count:
            indices = indices.fill_null(len(words))
        codes: npt.NDArray[np.int32] = table.take(indices.to_numpy())
        return codes
