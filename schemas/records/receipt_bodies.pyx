# cython: language_level=3, boundscheck=False, wraparound=False
"""`receipt_bodies.py` in C: each record is written once, into bytes of its size."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef bytes SUBJECT = b"\x14ce_subject"


cdef inline Py_ssize_t width_of(uint64_t value) noexcept:
    """Bytes of this number, which is not negative, as zigzag."""
    cdef Py_ssize_t count = 1
    value <<= 1
    while value > 0x7F:
        value >>= 7
        count += 1
    return count


cdef inline char* number(char* at, uint64_t value) noexcept:
    value <<= 1
    while value > 0x7F:
        at[0] = <char>(value & 0x7F | 0x80)
        value >>= 7
        at += 1
    at[0] = <char>value
    return at + 1


cdef inline char* raw(char* at, const char* source, Py_ssize_t length) noexcept:
    memcpy(at, source, length)
    return at + length


cdef inline char* whole(char* at, bytes source) noexcept:
    return raw(at, PyBytes_AS_STRING(source), PyBytes_GET_SIZE(source))


cdef inline char* optional(char* at, const char* text, Py_ssize_t length) noexcept:
    if text is NULL:
        at[0] = 0
        return at + 1
    at[0] = 2
    return raw(number(at + 1, length), text, length)


cdef inline Py_ssize_t size_of(const char* text, Py_ssize_t length) noexcept:
    return 1 if text is NULL else 1 + width_of(length) + length


def join_bodies(ids, refs, carrier_ids, pieces, bytes hashes not None, Py_ssize_t width, bytes wire not None,
                bytes owner not None, bytes numbers not None):
    """As there."""
    cdef list out = []
    cdef bytes message_id, middle, tail, first, record
    cdef const char* client
    cdef const char* theirs
    cdef Py_ssize_t client_length, theirs_length, id_length, key_length, value_length, size, named, place = 0
    cdef Py_ssize_t rest = PyBytes_GET_SIZE(wire) + PyBytes_GET_SIZE(owner) + width_of(width) + width
    cdef char* at
    if width < 0 or width * <Py_ssize_t>len(ids) > PyBytes_GET_SIZE(hashes):
        raise ValueError("a hash is missing")
    for message_id, ref, carrier_id, (middle, tail, first) in zip(ids, refs, carrier_ids, pieces, strict=True):
        if message_id is None or middle is None or tail is None or first is None:
            raise TypeError("an id and its pieces are bytes")
        client, client_length, theirs, theirs_length = NULL, 0, NULL, 0
        if ref is not None:
            client = PyUnicode_AsUTF8AndSize(ref, &client_length)
        if carrier_id is not None:
            theirs = PyUnicode_AsUTF8AndSize(carrier_id, &theirs_length)
        id_length = PyBytes_GET_SIZE(message_id)
        key_length = width_of(id_length) + id_length
        value_length = (rest + key_length + size_of(client, client_length) + PyBytes_GET_SIZE(middle)
                        + size_of(theirs, theirs_length) + PyBytes_GET_SIZE(tail))
        named = id_length + PyBytes_GET_SIZE(numbers)
        size = (2 * key_length + width_of(value_length) + value_length + PyBytes_GET_SIZE(first) + width_of(named) + named
                + PyBytes_GET_SIZE(SUBJECT))
        record = PyBytes_FromStringAndSize(NULL, size)
        at = whole(number(PyBytes_AS_STRING(record), id_length), message_id)
        at = whole(number(at, value_length), wire)
        at = whole(number(at, id_length), message_id)
        at = optional(whole(at, owner), client, client_length)
        at = raw(number(at, width), PyBytes_AS_STRING(hashes) + place, width)
        at = optional(whole(at, middle), theirs, theirs_length)
        at = whole(whole(at, tail), first)
        at = whole(whole(number(at, named), message_id), numbers)
        whole(number(whole(at, SUBJECT), id_length), message_id)
        out.append(record)
        place += width
    return out
