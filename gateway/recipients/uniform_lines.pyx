# cython: language_level=3, boundscheck=False, wraparound=False
"""`uniform_lines.py` in C: each text is made once, straight from the line."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcmp, memcpy

QUICK = True

cdef extern from *:
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 most)
    void* PyUnicode_DATA(object text)


cdef inline object text_of(const unsigned char* begin, Py_ssize_t length, unsigned char every):
    """`every`: all octets joined by or; below 128 they are the characters."""
    if every > 0x7F or length < 2:  # texts of one character or none exist already
        return PyUnicode_DecodeUTF8(<const char*>begin, length, NULL)
    text = PyUnicode_New(length, 0x7F)
    memcpy(PyUnicode_DATA(text), begin, length)
    return text


def columns_of(bytes lines not None, tuple pieces not None):
    """As there."""
    try:
        return read(lines, pieces)
    except UnicodeDecodeError:
        return None


cdef list read(bytes lines, tuple pieces):
    cdef const unsigned char* at = <const unsigned char*>PyBytes_AS_STRING(lines)
    cdef const unsigned char* end = at + PyBytes_GET_SIZE(lines)
    cdef const unsigned char* begin
    cdef unsigned char every
    cdef Py_ssize_t gap, length, gaps = len(pieces) - 1
    cdef bytes piece
    cdef list columns = [[] for _ in range(gaps)]
    while True:
        for gap in range(gaps + 1):
            piece = pieces[gap]
            length = PyBytes_GET_SIZE(piece)
            if end - at < length or memcmp(at, PyBytes_AS_STRING(piece), length):
                return None
            at += length
            if gap == gaps:
                break
            begin, every = at, 0
            while at < end and at[0] != c'"' and at[0] != c"\\" and at[0] >= 0x20:
                every |= at[0]
                at += 1
            (<list>columns[gap]).append(text_of(begin, at - begin, every))
        if at == end:
            return columns
        if at[0] != c"\n":
            return None
        at += 1
