# cython: language_level=3, boundscheck=False, wraparound=False
"""`joined_records.py` in C: two passes, one for the size."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcpy


cdef inline Py_ssize_t width(uint64_t value) noexcept:
    """Bytes of this number, which is not negative, as zigzag."""
    cdef Py_ssize_t count = 1
    value <<= 1
    while value > 0x7F:
        value >>= 7
        count += 1
    return count


cdef inline char* put(char* at, uint64_t value) noexcept:
    value <<= 1
    while value > 0x7F:
        at[0] = <char>(value & 0x7F | 0x80)
        value >>= 7
        at += 1
    at[0] = <char>value
    return at + 1


def join_records(bodies):
    """All of a batch."""
    cdef list all_bodies = list(bodies)
    cdef bytes body, out
    cdef Py_ssize_t size = 0, offset = 0, length
    cdef char* at
    for body in all_bodies:
        if body is None:
            raise TypeError("a record is bytes")
        length = 2 + width(offset) + PyBytes_GET_SIZE(body)
        size += width(length) + length
        offset += 1
    out = PyBytes_FromStringAndSize(NULL, size)
    at, offset = PyBytes_AS_STRING(out), 0
    for body in all_bodies:
        length = PyBytes_GET_SIZE(body)
        at = put(at, 2 + width(offset) + length)
        at[0] = at[1] = 0
        at = put(at + 2, offset)
        memcpy(at, PyBytes_AS_STRING(body), length)
        at += length
        offset += 1
    return out
