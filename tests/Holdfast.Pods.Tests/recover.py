#!/usr/bin/env python3
"""Recovers every object from a pod's drives by hand, written from docs/pods.md alone: recover.py OUT DRIVE...

Drives may be missing, as many as the code spares. Objects are written to OUT/account-space-name. Checksums are not
compared (Python has no XxHash of its own): what is torn or rotten is for the program; this is for when there is none.
"""
import glob
import os
import struct
import sys

EXP, LOG = [0] * 510, [0] * 256
value = 1
for power in range(255):
    EXP[power] = EXP[power + 255] = value
    LOG[value] = power
    value <<= 1
    if value > 255:
        value ^= 0x11D


def mul(a, b):
    return 0 if a == 0 or b == 0 else EXP[LOG[a] + LOG[b]]


def inverse(matrix):
    n = len(matrix)
    work = [list(row) + [int(i == j) for j in range(n)] for i, row in enumerate(matrix)]
    for p in range(n):
        found = next(r for r in range(p, n) if work[r][p])
        work[p], work[found] = work[found], work[p]
        factor = EXP[255 - LOG[work[p][p]]]
        work[p] = [mul(x, factor) for x in work[p]]
        for r in range(n):
            if r != p and work[r][p]:
                f = work[r][p]
                work[r] = [x ^ mul(y, f) for x, y in zip(work[r], work[p])]
    return [row[n:] for row in work]


def product(a, b):
    return [[xor(mul(row[i], b[i][c]) for i in range(len(b))) for c in range(len(b[0]))] for row in a]


def xor(values):
    total = 0
    for v in values:
        total ^= v
    return total


def coding_matrix(k, total):
    power = lambda r, c: 1 if c == 0 else 0 if r == 0 else EXP[LOG[r] * c % 255]
    vandermonde = [[power(r, c) for c in range(k)] for r in range(total)]
    return product(vandermonde, inverse(vandermonde[:k]))


def records(path):
    """(shard, code, record header fields, bytes of the shard) of one extent."""
    data = open(path, "rb").read()
    if data[:8] != b"HFEXTENT":
        return
    k, m, shard = data[10], data[11], data[12]
    generation, volume = data[32:48], struct.unpack_from("<I", data, 48)[0]
    at = 4096
    while at + 128 <= len(data):
        if data[at:at + 8] != b"HFRECORD" or data[at + 16:at + 32] != generation:
            at += 4096
            continue
        kind, space, account = data[at + 9], data[at + 11], data[at + 32:at + 48].hex()
        name, sequence, _, length, size, start, _ = struct.unpack_from("<QQqQIII", data, at + 48)
        yield (volume, generation, at), shard, (k, m), (kind, account, space, name, sequence, length, size), data[at + start:at + start + size]
        at += (start + size + 4095) // 4096 * 4096


def decode(k, m, shards, length, size):
    if any(shard not in shards for shard in range(k)):
        have = sorted(shards)[:k]
        matrix = coding_matrix(k, k + m)
        back = inverse([matrix[s] for s in have])
        for missing in [s for s in range(k) if s not in shards]:
            total = bytearray(size)
            for coefficient, source in zip(back[missing], have):
                table = bytes(mul(coefficient, x) for x in range(256))
                part = shards[source].translate(table)
                total = bytearray((int.from_bytes(total, "big") ^ int.from_bytes(part, "big")).to_bytes(size, "big"))
            shards[missing] = bytes(total)
    return b"".join(shards[s] for s in range(k))[:length]


def main(out, drives):
    found = {}
    for drive in drives:
        for path in sorted(glob.glob(os.path.join(drive, "ext", "*.hfx"))):
            for place, shard, code, fields, content in records(path):
                found.setdefault(place, (code, fields, {}))[2][shard] = content
    objects, deleted, closed = {}, {}, set()
    for (k, m), (kind, account, space, name, sequence, length, size), shards in found.values():
        key = (account, space, name)
        if kind == 6:
            closed.add(account)
        if kind == 4:
            deleted[key] = max(sequence, deleted.get(key, 0))
        if kind == 1 and len(shards) >= k and sequence > objects.get(key, (0,))[0]:
            objects[key] = (sequence, decode(k, m, shards, length, size))
    os.makedirs(out, exist_ok=True)
    for (account, space, name), (sequence, content) in objects.items():
        if account not in closed and sequence > deleted.get((account, space, name), 0):
            with open(os.path.join(out, f"{account}-{space}-{name}"), "wb") as file:
                file.write(content)


main(sys.argv[1], sys.argv[2:])
