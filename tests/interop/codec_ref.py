"""What codec-diff.py compares with: documents, and how each format says them.

No code is shared with the converters.  JSON is python's, CBOR is cbor2's,
MessagePack that of msgpack; XML, the mappings and RFC 8785 are written here
after ipcat-stages(7).
"""
import base64
import json
import math
import random
import re
import struct
import xml.etree.ElementTree as ET

try:
    import cbor2
except ImportError:
    cbor2 = None    # codec-diff.py says so
try:
    import msgpack
except ImportError:
    msgpack = None

SPACE = "http://www.w3.org/2005/xpath-functions"
TYPES = "urn:ipcat:types"
TEXT = ["", "a", "key", "\0", "\x1f\\u0000", '"<&>\'', "\t\r\n", "\\", "]]>",
        "\u00e9", "\u2028\x85", "\ufffe\uffff", "\U0001d11e", "x" * 300,
        " blanks  here ", "\x7f", "&#10;", "1", "null"]
INTS = [0, 1, -1, 23, 24, 255, 256, 65535, 65536, 2**31, 2**32 - 1, 2**32,
        2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -2**63]
WIDE = [2**64, -2**63 - 1, -2**64, -2**64 - 1, 10**30, -(2**200)]
REALS = [0.0, -0.0, 1.0, 1.5, 0.1, 65504.0, 65505.0, 5e-324, 2**-24,
         1.7976931348623157e308, 1e22, 1e21, 1e-7, 3.4028234663852886e38]
NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Documents:
    """Values of one seed.  wide: integers beyond 64 bits; binary: bytes, NaN
    and keys that are not text."""

    def __init__(self, rnd, wide=False, binary=False):
        self.rnd, self.wide, self.binary = rnd, wide, binary

    def text(self):
        rnd = self.rnd
        if rnd.random() < 0.3:
            return rnd.choice(TEXT)
        top = rnd.choice([0x7F, 0x7F, 0xFF, 0xD7FF, 0x10FFFF])
        points = (rnd.randint(0, top) for _ in range(rnd.randint(0, 40)))
        return "".join(chr(p) for p in points if not 0xD800 <= p <= 0xDFFF)

    def number(self):
        rnd, kind = self.rnd, self.rnd.randrange(4)
        if kind == 0:
            return rnd.choice(INTS + (WIDE if self.wide else []))
        if kind == 1:
            return rnd.randint(-2**63, 2**64 - 1) >> rnd.randrange(64)
        if kind == 2:
            return rnd.choice(REALS + [rnd.uniform(-1e6, 1e6)])
        v = struct.unpack(">d", struct.pack(">Q", rnd.getrandbits(64)))[0]
        return v if math.isfinite(v) else 0.5

    def key(self):
        if not self.binary or self.rnd.random() < 0.5:
            return self.text()
        return self.rnd.choice([-1, 0, 7, 2**63, True, None, b"", b"\xff\xfe",
                                b"key", 2**64 - 1])

    def map(self, values):
        out, seen = {}, set()
        for v in values:
            k = self.key()
            # True is 1 to python, and 7 is "7" to JSON.
            if (name := key_text(k)) not in seen and k not in out:
                seen.add(name)
                out[k] = v
        return out

    def value(self, depth=0):
        rnd = self.rnd
        kind = rnd.randrange(5 if depth > 5 else 9)
        if kind == 0:
            if self.binary and rnd.random() < 0.5:
                return rnd.choice([rnd.randbytes(rnd.randint(0, 40)), b"",
                                   math.nan, math.inf, -math.inf])
            return rnd.choice([None, True, False])
        if kind < 3:
            return self.number()
        if kind < 5:
            return self.text()
        n = rnd.choice([0, 1, 2, 3, 5, 30]) if depth < 3 else rnd.randint(0, 2)
        values = [self.value(depth + 1) for _ in range(n)]
        return values if kind < 7 else self.map(values)


def walk(doc):
    """Every value and key in it."""
    yield doc
    for v in doc if isinstance(doc, list) else ():
        yield from walk(v)
    for k, v in doc.items() if isinstance(doc, dict) else ():
        yield k
        yield from walk(v)


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack(">d", a) == struct.pack(">d", b) or \
            math.isnan(a) and math.isnan(b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


# --- the mappings of ipcat-stages(7) -----------------------------------------

def base64url(b):
    return base64.urlsafe_b64encode(b).decode().rstrip("=")


def key_text(k):
    if isinstance(k, bytes):
        return base64url(k)
    return k if isinstance(k, str) else json.dumps(k)


def mapped(doc, to):
    """What is left of it in that format."""
    if to in ("cbor", "msgpack"):
        return doc
    if isinstance(doc, list):
        return [mapped(v, to) for v in doc]
    if isinstance(doc, dict):
        return {key_text(k): mapped(v, to) for k, v in doc.items()}
    if to == "json" and isinstance(doc, bytes):
        return base64url(doc)
    if isinstance(doc, float) and not math.isfinite(doc):
        return None
    return doc


def fits(doc, to):
    """Can it be said there at all?"""
    for v in walk(doc):
        if to == "msgpack" and type(v) is int and not -2**63 <= v < 2**64:
            return False
        if to == "xml" and isinstance(v, float) and not math.isfinite(v):
            return False
    return True


# --- XML ---------------------------------------------------------------------

class Xml:
    """json-to-xml, spelled in many ways."""

    def __init__(self, rnd):
        self.rnd = rnd

    def often(self, p):
        return self.rnd.random() < p

    def quote(self, s, attribute):
        out = []
        for ch in s:
            if ch in "&<>\"'\r" or attribute and ch in "\t\n" or \
                    self.often(0.02):
                ch = f"&#{ord(ch)};" if self.often(0.5) else \
                    f"&#x{ord(ch):x};"
            out.append(ch)
        return "".join(out)

    def body(self, s):
        if s and "]]>" not in s and "\r" not in s and self.often(0.1):
            return f"<![CDATA[{s}]]>"
        return self.quote(s, False)

    def blank(self):
        if self.often(0.9):
            return ""
        return self.rnd.choice([" ", "\n\t", "<!-- -->", "<?p i?>"])

    def escaped(self, s):
        """(text, whether the escapes of JSON are in it)"""
        if NOT_XML.search(s) or self.often(0.1):
            return json.dumps(s)[1:-1], True
        return s, False

    def number(self, v):
        s = repr(v) if isinstance(v, float) else str(v)
        if s[0] != "-" and self.often(0.1):
            s = "+" + s
        if s[0].isdigit() and self.often(0.1):
            s = "00" + s
        return self.blank().strip() + s + self.rnd.choice(["", " ", "\n"])

    def leaf(self, v):
        """(name, attributes, text)"""
        if v is None:
            return "null", "", ""
        if isinstance(v, bool):
            return "boolean", "", self.rnd.choice(
                ["true", " 1"] if v else ["false", "0\n"])
        if isinstance(v, (int, float)):
            return "number", "", self.number(v)
        if isinstance(v, bytes):
            return "string", f' xmlns:t="{TYPES}" t:type="bytes"', \
                base64.b64encode(v).decode()
        s, flag = self.escaped(v)
        return "string", ' escaped="true"' if flag else "", self.body(s)

    def element(self, v, key, first):
        attrs, inside = "", ""
        if key is not None:
            s, flag = self.escaped(key)
            attrs = f' key="{self.quote(s, True)}"' + \
                (" escaped-key='1'" if flag else "")
        if isinstance(v, dict):
            name = "map"
            inside = "".join(self.blank() + self.element(x, k, "")
                             for k, x in v.items()) + self.blank()
        elif isinstance(v, list):
            name = "array"
            inside = "".join(self.blank() + self.element(x, None, "")
                             for x in v) + self.blank()
        else:
            name, more, inside = self.leaf(v)
            attrs += more
        name = self.prefix + name
        if not inside and self.often(0.5):
            return f"<{name}{first}{attrs}/>"
        return f"<{name}{first}{attrs}>{inside}</{name}>"

    def write(self, doc):
        self.prefix = self.rnd.choice(["", "", "j:"])
        space = f" xmlns:j='{SPACE}'" if self.prefix else \
            self.rnd.choice([f' xmlns="{SPACE}"', ""])
        head = self.rnd.choice(["", "", "<?xml version='1.0'?>\n"])
        return (head + self.element(doc, None, space)).encode()


def unescape(s, flag):
    quoted = '"' + s.replace('"', '\\"') + '"'
    return json.loads(quoted, strict=False) if flag == "true" else s


def from_xml(element):
    name = element.tag.removeprefix("{" + SPACE + "}")
    if name == "map":
        return {unescape(e.get("key"), e.get("escaped-key")): from_xml(e)
                for e in element}
    if name == "array":
        return [from_xml(e) for e in element]
    body = element.text or ""
    if name == "string":
        if element.get("{" + TYPES + "}type") == "bytes":
            return base64.b64decode(body, validate=True)
        return unescape(body, element.get("escaped"))
    if name in ("number", "boolean"):
        return json.loads(body)
    if name != "null" or body != "":
        raise ValueError(f"an element {name}")
    return None


# --- RFC 8785 ----------------------------------------------------------------

def es6(v):
    if v == 0:
        return "0"
    digits, _, e = f"{abs(v)!r}".partition("e")
    whole, _, frac = digits.partition(".")
    frac = "" if frac == "0" else frac
    point = len(whole) + int(e or 0)
    digits = (whole + frac).lstrip("0")
    point -= len(whole + frac) - len(digits)
    digits = digits.rstrip("0")
    n, sign = len(digits), "-" if v < 0 else ""
    if n <= point <= 21:
        return sign + digits + "0" * (point - n)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    return sign + digits[0] + ("." + digits[1:] if n > 1 else "") + \
        f"e{point - 1:+d}"


def canonical_json(doc):
    if isinstance(doc, dict):
        keys = sorted(doc, key=lambda k: k.encode("utf-16-be"))
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" +
                              canonical_json(doc[k]) for k in keys) + "}"
    if isinstance(doc, list):
        return "[" + ",".join(map(canonical_json, doc)) + "]"
    if isinstance(doc, (int, float)) and not isinstance(doc, bool):
        return es6(float(doc))
    return json.dumps(doc, ensure_ascii=False)


# --- JSON that may be wrong --------------------------------------------------

def mutate(rnd, raw):
    """Some bytes of it changed."""
    raw = bytearray(raw)
    for _ in range(rnd.randint(1, 3)):
        at, kind = rnd.randint(0, len(raw)), rnd.randrange(5)
        some = rnd.choice(b'{}[]",:\\/ \t\n\0\x1f\x7f\x80\xc3\xed\xf4\xff'
                          b'0123456789+-.eEutrfnal')
        if kind == 0:
            raw.insert(at, some)
        elif kind == 1:
            del raw[at:at + rnd.choice([1, 1, 2, 9])]
        elif kind == 2 and at < len(raw):
            raw[at] = some
        elif kind == 3:
            raw[at:at] = raw[at:at + rnd.randint(1, 12)]
        elif kind == 4 and rnd.random() < 0.2:
            del raw[at:]
    return bytes(raw)


def _pairs(pairs):
    if len({k for k, _ in pairs}) < len(pairs):
        raise ValueError("duplicate key")
    return dict(pairs)


def _real(s):
    if math.isinf(v := float(s)):
        raise ValueError("beyond a double")
    return v


def _constant(s):
    raise ValueError(s)


def json_value(raw):
    """The value, or ValueError for all that RFC 8259 and we refuse."""
    v = json.loads(raw.decode("utf-8"), object_pairs_hook=_pairs,
                   parse_float=_real, parse_constant=_constant)
    json.dumps(v, ensure_ascii=False).encode("utf-8")   # lone surrogates
    return v


def formats(rnd):
    """name: (to bytes, from bytes), of what can be imported."""
    xml = Xml(rnd)
    found = {
        "json": (lambda d: json.dumps(
            d, ensure_ascii=rnd.random() < 0.5,
            indent=rnd.choice([None, None, 1])).encode(), json.loads),
        "xml": (xml.write, lambda r: from_xml(ET.fromstring(r))),
    }
    if cbor2:
        found["cbor"] = (cbor2.dumps, cbor2.loads)
    if msgpack:
        found["msgpack"] = (msgpack.packb, lambda r: msgpack.unpackb(
            r, strict_map_key=False))
    return found


def seeded(seed):
    return random.Random(seed)
