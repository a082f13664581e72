# cython: language_level=3, boundscheck=False, wraparound=False
"""`plain_destinations.py` in C: a text is looked at once, and a table only where it begins differently from the one before."""

from libc.stdint cimport uint64_t
from libc.string cimport memcmp

cdef extern from *:
    bint PyUnicode_IS_ASCII(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef enum:
    LONGEST = 20  # what is longer may be no number of 64 bits


def look_up(texts, tables, Py_ssize_t width):
    """As there."""
    cdef list numbers = [], found = []
    cdef str text, known = ""
    cdef const unsigned char* octets
    cdef Py_ssize_t place, length, known_length = 0
    cdef uint64_t number
    cdef object entry = None
    cdef list all_texts = list(texts)
    cdef Py_ssize_t longest = min(LONGEST, len(tables) - 1)
    for text in all_texts:
        if text is None:
            raise TypeError("a destination is a text")
        length = PyUnicode_GET_LENGTH(text)
        if length < 2 or length > longest or not PyUnicode_IS_ASCII(text):
            return None
        octets = <const unsigned char*>PyUnicode_DATA(text)
        if octets[0] != c"+":
            return None
        number = 0
        for place in range(1, length):
            if octets[place] < c"0" or octets[place] > c"9":
                return None
            number = number * 10 + (octets[place] - c"0")
        numbers.append(number)
    for text in all_texts:
        length = PyUnicode_GET_LENGTH(text)
        if length != known_length or memcmp(PyUnicode_DATA(text), PyUnicode_DATA(known), min(length, width)):
            entry = tables[length][text[:width]]
            known, known_length = text, length
        found.append(entry)
    return numbers, found
