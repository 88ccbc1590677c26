"""HDF5 images made byte by byte, by the published format and nothing of the library's: what the library would refuse to write, too."""
import struct
import zlib

UNDEFINED = b"\xff" * 8
FLOAT = bytes.fromhex("11201f000400000000002000170800177f000000")
UINT8 = bytes.fromhex("100000000100000000000800")
INT64 = bytes.fromhex("100800000800000000004000")


def padded(data):
    return data + b"\0" * (-len(data) % 8)


def message(kind, data):
    data = padded(data)
    return struct.pack("<HHB3x", kind, len(data), 0) + data


def space(*sides):
    return message(0x01, struct.pack("<BBB5x", 1, len(sides), 0) + b"".join(struct.pack("<Q", s) for s in sides))


def attribute(name, value):
    key, scalar = name.encode() + b"\0", struct.pack("<BBB5x", 1, 0, 0)
    return message(0x0c, struct.pack("<BxHHH", 1, len(key), len(INT64), len(scalar)) + padded(key) + padded(INT64) + padded(scalar) + struct.pack("<q", value))


def fletcher32(data):
    first = second = 0
    for at in range(0, len(data) - 1, 2):
        first = (first + (data[at] << 8 | data[at + 1])) % 65535
        second = (second + first) % 65535
    if len(data) % 2:
        first = (first + (data[-1] << 8)) % 65535
        second = (second + first) % 65535
    return (second or 65535 if data else 0) << 16 | (first or 65535 if data else 0)


class Image:
    """Structures are put one after the other; put() says where one stands."""

    def __init__(self):
        self.data = bytearray(96)

    def put(self, data):
        at = len(self.data)
        self.data += padded(data)
        return at

    def header(self, messages, references=1):
        body = b"".join(messages)
        return self.put(struct.pack("<BBHII4x", 1, 0, len(messages), references, len(body)) + body)

    def members(self, links):
        """The message of a group that holds `links`: (name, address of the header) in order."""
        heap, offsets = bytearray(8), []
        for name, _ in links:
            offsets.append(len(heap))
            heap += padded(name.encode() + b"\0")
        heap += padded(struct.pack("<QQ", 1, 16))   # the free rest
        level = []
        for first in range(0, len(links), 8):
            part = range(first, min(first + 8, len(links)))
            entries = b"".join(struct.pack("<QQII16x", offsets[i], links[i][1], 0, 0) for i in part)
            level.append((offsets[part[-1]], self.put(b"SNOD" + struct.pack("<BxH", 1, len(part)) + entries.ljust(320, b"\0"))))
        depth = 0
        while True:
            nodes = []
            for first in range(0, max(1, len(level)), 32):
                part = level[first:first + 32]
                body = struct.pack("<Q", 0) + b"".join(struct.pack("<QQ", child, key) for key, child in part)
                nodes.append((part[-1][0] if part else 0, self.put(b"TREE" + struct.pack("<BBH", 0, depth, len(part)) + UNDEFINED * 2 + body.ljust(520, b"\0"))))
            if len(nodes) == 1:
                break
            level, depth = nodes, depth + 1
        segment = self.put(bytes(heap))
        where = self.put(b"HEAP" + struct.pack("<B3xQQQ", 0, len(heap), len(heap) - 16, segment))
        return message(0x11, struct.pack("<QQ", nodes[0][1], where))

    def zeros(self, chunks, chunk=1 << 20):
        """A dataset of `chunks` chunks of zeros: shuffle, deflate, Fletcher-32."""
        stored = zlib.compress(b"\0" * chunk, 9)
        stored += struct.pack("<I", fletcher32(stored))
        level = [(i * chunk, self.put(stored)) for i in range(chunks)]
        depth = 0
        while True:
            nodes = []
            for first in range(0, len(level), 64):
                part = level[first:first + 64]
                body = b"".join(struct.pack("<IIQQQ", len(stored), 0, offset, 0, child) for offset, child in part)
                body += struct.pack("<IIQQ", 0, 0, chunks * chunk, 0)
                nodes.append((part[0][0], self.put(b"TREE" + struct.pack("<BBH", 1, depth, len(part)) + UNDEFINED * 2 + body.ljust(65 * 24 + 64 * 8, b"\0"))))
            if len(nodes) == 1:
                break
            level, depth = nodes, depth + 1
        filters = struct.pack("<BB6x", 1, 3)
        for number, name, values in ((2, b"shuffle\0", [1]), (1, b"deflate\0", [1]), (3, b"fletcher32\0\0\0\0\0\0", [])):
            filters += struct.pack("<HHHH", number, len(name), 1 if values else 0, len(values)) + name + b"".join(struct.pack("<I4x", v) for v in values)
        return self.header([space(chunks * chunk), message(0x03, UINT8), message(0x05, b"\x02\x03\x02\x01" + b"\0" * 4), message(0x0b, filters),
                            message(0x08, struct.pack("<BBBQII", 3, 2, 2, nodes[0][1], chunk, 1))])

    def external(self, path, size):
        """A dataset whose values stand in another file."""
        names = padded(b"\0" * 8 + path.encode() + b"\0")
        heap = self.put(b"HEAP" + struct.pack("<B3xQQQ", 0, len(names), 1, self.put(names)))
        files = struct.pack("<B3xHHQ", 1, 1, 1, heap) + struct.pack("<QQQ", 8, 0, size)
        return self.header([space(size), message(0x03, UINT8), message(0x05, b"\x02\x02\x02\x01" + b"\0" * 4), message(0x07, files),
                            message(0x08, struct.pack("<BB", 3, 1) + UNDEFINED + struct.pack("<Q", size))])

    def finish(self, links, attributes):
        """The image with this root: members, and attributes of whole numbers."""
        group = self.members(links)
        root = self.header([group, *(attribute(k, v) for k, v in attributes.items())])
        self.data[:96] = (b"\x89HDF\r\n\x1a\n" + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + struct.pack("<HHI", 4, 16, 0) + struct.pack("<Q", 0) + UNDEFINED
                          + struct.pack("<Q", len(self.data)) + UNDEFINED + struct.pack("<QQII16x", 0, root, 0, 0))
        return self.data
