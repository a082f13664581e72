# cython: language_level=3, boundscheck=False, wraparound=False
"""`partitions.py` in C, where hashing keys one after the other is the quick way."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t

cdef uint32_t SEED = 0x9747B28C
cdef uint32_t M = 0x5BD1E995


def partitions_of(keys, partitions):
    """The partition of each key, 0..partitions-1, in order."""
    cdef uint32_t count
    cdef bytes key
    if partitions < 1 and len(keys):
        raise ValueError("a topic has at least one partition")
    if not len(keys):
        return []
    count = partitions
    return [(murmur2(key) & 0x7FFFFFFF) % count for key in keys]


cdef uint32_t murmur2(bytes key) except? 0:
    cdef const unsigned char* data = <const unsigned char*>PyBytes_AS_STRING(key)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(key)
    cdef uint32_t word, hashed = SEED ^ <uint32_t>length
    while length >= 4:
        word = (data[0] | <uint32_t>data[1] << 8 | <uint32_t>data[2] << 16 | <uint32_t>data[3] << 24) * M
        hashed = hashed * M ^ (word ^ word >> 24) * M
        data += 4
        length -= 4
    if length:
        word = data[0]
        if length > 1:
            word |= <uint32_t>data[1] << 8
        if length > 2:
            word |= <uint32_t>data[2] << 16
        hashed = (hashed ^ word) * M
    hashed = (hashed ^ hashed >> 13) * M
    return hashed ^ hashed >> 15
