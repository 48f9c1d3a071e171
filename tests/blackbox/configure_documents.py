# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Documents that somebody may have as Docker's config.json, and what `configure --regions us` makes
of each: the exact bytes, or the exact place and words of the refusal."""

BOM = b"\xef\xbb\xbf"
US = b'"us.icr.io": "icr"'
PRIVATE = b'"private.us.icr.io": "icr"'


def block(inner=b"\n\t\t", outer=b"\n\t"):
    """The entries of credHelpers as they are laid out one to a line."""
    return b"{" + inner + US + b"," + inner + PRIVATE + outer + b"}"


LINE = b"{" + US + b", " + PRIVATE + b"}"
COMPACT = b'{"us.icr.io":"icr","private.us.icr.io":"icr"}'
FRESH = b'{\n\t"credHelpers": ' + block() + b"\n}\n"
CLEARED = b"{\n}\n"
ADDED = b',\n\t"credHelpers": ' + block()
DEEP = b"[" * 400 + b"]" * 400
LONG = b"x" * (5 * 1024 * 1024)
MANY = b",".join(b'"h%d.example.com":"other"' % i for i in range(60000))


def after(text):
    """A document of Docker's usual shape with TEXT as its member, before and after."""
    return b"{\n\t" + text + b"\n}\n", b"{\n\t" + text + ADDED + b"\n}\n"


# name: (before, after) or (before, after, what --remove leaves where that is not BEFORE)
ACCEPTED = {
    "empty": (b"", FRESH, CLEARED),
    "blanks": (b"  ", FRESH, CLEARED),
    "blank lines": (b"\n \t\r\n\n", FRESH, CLEARED),
    "BOM alone": (BOM, BOM + FRESH, BOM + CLEARED),
    "BOM and blanks": (BOM + b" \n", BOM + FRESH, BOM + CLEARED),
    "{}": (b"{}", b'{"credHelpers": ' + LINE + b"}"),
    "{} and line end": (b"{}\n", b'{"credHelpers": ' + LINE + b"}\n"),
    "{ }": (b"{ }", b'{"credHelpers": ' + LINE + b" }"),
    "braces on two lines": (b"{\n}\n", FRESH),
    "braces on two lines, no final newline": (b"{\n}", FRESH[:-1]),
    "as docker writes it": (b'{\n\t"auths": {}\n}', b'{\n\t"auths": {}' + ADDED + b"\n}"),
    "final newline": after(b'"auths": {}'),
    "final blank lines": (b'{\n\t"auths": {}\n}\n\n \n', b'{\n\t"auths": {}' + ADDED + b"\n}\n\n \n"),
    "leading blank lines": (b'\n\n{\n\t"auths": {}\n}\n', b'\n\n{\n\t"auths": {}' + ADDED + b"\n}\n"),
    "two spaces": (b'{\n  "auths": {}\n}\n',
                   b'{\n  "auths": {},\n  "credHelpers": ' + block(b"\n    ", b"\n  ") + b"\n}\n"),
    "four spaces": (b'{\n    "auths": {}\n}',
                    b'{\n    "auths": {},\n    "credHelpers": ' + block(b"\n        ", b"\n    ")
                    + b"\n}"),
    "CRLF": (b'{\r\n\t"auths": {}\r\n}\r\n',
             b'{\r\n\t"auths": {},\r\n\t"credHelpers": ' + block(b"\r\n\t\t", b"\r\n\t")
             + b"\r\n}\r\n"),
    "CRLF and spaces, no final newline": (
        b'{\r\n  "auths": {}\r\n}',
        b'{\r\n  "auths": {},\r\n  "credHelpers": ' + block(b"\r\n    ", b"\r\n  ") + b"\r\n}"),
    "BOM": tuple(BOM + text for text in after(b'"auths": {}')),
    "BOM and CRLF": (BOM + b'{\r\n\t"auths": {}\r\n}\r\n',
                     BOM + b'{\r\n\t"auths": {},\r\n\t"credHelpers": '
                     + block(b"\r\n\t\t", b"\r\n\t") + b"\r\n}\r\n"),
    "one line": (b'{"psFormat": "x", "auths": {}}',
                 b'{"psFormat": "x", "auths": {}, "credHelpers": ' + LINE + b"}"),
    "compact": (b'{"psFormat":"x","auths":{}}\n',
                b'{"psFormat":"x","auths":{},"credHelpers":' + COMPACT + b"}\n"),
    "unindented lines": (b'{\n"auths": {}\n}\n', b'{\n"auths": {},\n"credHelpers": '
                         + block(b"\n", b"\n") + b"\n}\n"),
    "blank before the colon": (
        b'{\n\t"auths" : {}\n}\n', b'{\n\t"auths" : {},\n\t"credHelpers" : ' + block() + b"\n}\n"),
    "tabs everywhere": (b'{\n\t"auths"\t:\t{\t}\t\n}\n',
                        b'{\n\t"auths"\t:\t{\t},\n\t"credHelpers"\t:\t' + block() + b"\t\n}\n"),
    "two members on one of the lines": (
        b'{\n\t"a": 1, "auths": {}\n}\n',
        b'{\n\t"a": 1, "auths": {}, "credHelpers": ' + LINE + b"\n}\n"),
    "credHelpers {} on a line": (
        b'{\n\t"credHelpers": {},\n\t"auths": {}\n}\n',
        b'{\n\t"credHelpers": ' + LINE + b',\n\t"auths": {}\n}\n',
        b'{\n\t"auths": {}\n}\n'),
    "credHelpers {} compact": (
        b'{"credHelpers":{}}',
        b'{"credHelpers":' + COMPACT + b"}", b"{}"),
    "credHelpers { }": (
        b'{"credHelpers": { }}',
        b'{"credHelpers": {"us.icr.io": "icr", "private.us.icr.io": "icr" }}', b"{}"),
    "credHelpers empty on two lines": (
        b'{\n\t"credHelpers": {\n\t}\n}\n',
        b'{\n\t"credHelpers": ' + block() + b"\n}\n", b"{\n}\n"),
    "other hosts": (
        b'{\n\t"credHelpers": {\n\t\t"gcr.io": "gcloud"\n\t}\n}\n',
        b'{\n\t"credHelpers": {\n\t\t"gcr.io": "gcloud",\n\t\t' + US + b",\n\t\t" + PRIVATE
        + b"\n\t}\n}\n"),
    "other hosts, members behind": (
        b'{\n\t"credHelpers": {\n\t\t"gcr.io": "gcloud"\n\t},\n\t"auths": {}\n}',
        b'{\n\t"credHelpers": {\n\t\t"gcr.io": "gcloud",\n\t\t' + US + b",\n\t\t" + PRIVATE
        + b'\n\t},\n\t"auths": {}\n}'),
    "other hosts on one line": (
        b'{\n\t"credHelpers": {"gcr.io": "gcloud", "quay.io": "pass"}\n}\n',
        b'{\n\t"credHelpers": {"gcr.io": "gcloud", "quay.io": "pass", ' + US + b", " + PRIVATE
        + b"}\n}\n"),
    "other hosts, blanks inside": (
        b'{ "credHelpers": { "gcr.io": "gcloud", "quay.io": "pass" } }',
        b'{ "credHelpers": { "gcr.io": "gcloud", "quay.io": "pass", ' + US + b", " + PRIVATE
        + b" } }"),
    "comma first": (
        b'{ "auths": {}\n, "credHelpers":\n  { "a.io": "x"\n  , "b.io": "y"\n  }\n}\n',
        b'{ "auths": {}\n, "credHelpers":\n  { "a.io": "x"\n  , "b.io": "y"\n  , ' + US + b"\n  , "
        + PRIVATE + b"\n  }\n}\n"),
    "a line of its own for each brace": (
        b'{\n\t"credHelpers":\n\t{\n\t\t"a.io": "x"\n\t}\n}\n',
        b'{\n\t"credHelpers":\n\t{\n\t\t"a.io": "x",\n\t\t' + US + b",\n\t\t" + PRIVATE
        + b"\n\t}\n}\n"),
    "credHelpers twice": (
        b'{"credHelpers": {"a.io": "x"}, "credHelpers": {"b.io": "y"}}',
        b'{"credHelpers": {"a.io": "x", ' + US + b", " + PRIVATE
        + b'}, "credHelpers": {"b.io": "y", ' + US + b", " + PRIVATE + b"}}"),
    "credHelpers in lower case, which Docker reads": (
        b'{"credhelpers": {"a.io": "x"}}',
        b'{"credhelpers": {"a.io": "x", ' + US + b", " + PRIVATE + b"}}"),
    "credHelpers with an escape": (
        b'{"cred\\u0048elpers": {"a.io": "x"}}',
        b'{"cred\\u0048elpers": {"a.io": "x", ' + US + b", " + PRIVATE + b"}}"),
    "credHelpers of somebody else": after(b'"plugins": {"credHelpers": {"us.icr.io": "x"}}'),
    "an entry of ours with an escape": (
        b'{"credHelpers": {"a.io": "x", "us\\u002eicr.io": "\\u0069cr"}}',
        b'{"credHelpers": {"a.io": "x", "us\\u002eicr.io": "\\u0069cr", ' + PRIVATE + b"}}",
        b'{"credHelpers": {"a.io": "x"}}'),
    "the last of a host's entries is ours": (
        b'{"credHelpers": {"us.icr.io": "x", ' + US + b"}}",
        b'{"credHelpers": {"us.icr.io": "x", ' + US + b", " + PRIVATE + b"}}",
        b'{"credHelpers": {"us.icr.io": "x"}}'),
    "the last of a host's entries is another's": (
        b'{"credHelpers": {' + US + b', "us.icr.io": "x"}}',
        b'{"credHelpers": {' + US + b', "us.icr.io": "x", ' + PRIVATE + b"}}",
        b'{"credHelpers": {"us.icr.io": "x"}}'),
    "another's entry in the first credHelpers": (
        b'{"credHelpers": {"us.icr.io": "x"}, "credHelpers": {"b.io": "y"}}',
        b'{"credHelpers": {"us.icr.io": "x", ' + PRIVATE + b'}, "credHelpers": {"b.io": "y", '
        + PRIVATE + b"}}"),
    "no helper on purpose": (
        b'{"credHelpers": {"us.icr.io": ""}}',
        b'{"credHelpers": {"us.icr.io": "", ' + PRIVATE + b"}}"),
    "already so": (FRESH, FRESH, CLEARED),
    "ours by hand, on one line": (
        b'{\n\t"auths": {},\n\t"credHelpers": { ' + US + b", " + PRIVATE + b" }\n}\n",
        b'{\n\t"auths": {},\n\t"credHelpers": { ' + US + b", " + PRIVATE + b" }\n}\n",
        b'{\n\t"auths": {}\n}\n'),
    "ours by hand, half": (
        b'{\n  "credHelpers": {\n    ' + US + b"\n  }\n}\n",
        b'{\n  "credHelpers": ' + block(b"\n    ", b"\n  ") + b"\n}\n",
        b"{\n}\n"),
    "1e400": after(b'"x": [1e400, -1E+400, 1e-400]'),
    "9007199254740993": after(b'"x": 9007199254740993'),
    "spellings of numbers": after(b'"x": [-0, 1.0, 1E2, 12345678901234567890123, 0.10]'),
    "400 levels": after(b'"x": ' + DEEP),
    "5 MB in one string": after(b'"x": "' + LONG + b'"'),
    "60000 other hosts": (b'{"credHelpers":{' + MANY + b"}}",
                          b'{"credHelpers":{' + MANY + b"," + COMPACT[1:] + b"}"),
    "escapes": after(b'"\\u0041": "\\/\\"\\\\\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"'),
    "an escaped NUL": after(b'"us.icr.io\\u0000": "\\u0000"'),
    "UTF-8 of every length": after('"x": "é\u2028\uffff😀\x7f"'.encode()),
    "a member with no name": after(b'"": 1'),
    "other members twice": after(b'"auths": {},\n\t"auths": {"a.io": {}}'),
    "nulls": after(b'"auths": null,\n\t"HttpHeaders": null'),
    "auths that Docker cannot read": after(b'"auths": [1]'),
    "CR alone as line end": (b'{\r"auths": {}\r}\r',
                             b'{\r"auths": {},\r"credHelpers": ' + block(b"\r", b"\r") + b"\r}\r"),
}

# name: (document, LINE:COLUMN, words)
NAME = "a name in double quotes is expected here"
REFUSED = {
    "text behind": (b'{"a": 1} x', "1:10", "text after the value: a JSON document is one value"),
    "a second object": (b"{}\n{}\n", "2:1", "text after the value: a JSON document is one value"),
    "a brace too many": (b"{}}", "1:3", "text after the value: a JSON document is one value"),
    "comment behind //": (b'{"a": 1} // x\n', "1:10", "comments are not JSON"),
    "comment first": (b"// x\n{}", "1:1", "comments are not JSON"),
    "comment inside": (b'{\n\t/* x */\n\t"a": 1\n}', "2:2", "comments are not JSON"),
    "comment behind #": (b'{"a": 1 # x\n}', "1:9", "comments are not JSON"),
    "trailing comma": (b'{"a": 1,}', "1:9",
                       "a trailing comma: take it out, or add what should follow it"),
    "trailing comma, lines": (b'{\n\t"a": 1,\n}', "3:1",
                              "a trailing comma: take it out, or add what should follow it"),
    "trailing comma, array": (b'{"a": [1,]}', "1:10",
                              "a trailing comma: take it out, or add what should follow it"),
    "leading comma": (b'{,"a": 1}', "1:2", "a member is missing before this comma"),
    "two commas": (b'{"a": 1,,"b": 2}', "1:9", "a member is missing before this comma"),
    "no comma": (b'{"a": 1 "b": 2}', "1:9", "a comma is missing before this"),
    "no comma, lines": (b'{\n  "a": 1\n  "b": 2\n}', "3:3", "a comma is missing before this"),
    "no colon": (b'{"a" 1}', "1:6", "a colon is expected here"),
    "equals sign": (b'{"a" = 1}', "1:6", "a colon is expected here"),
    "no value": (b'{"a": }', "1:7", "a value is expected here"),
    "no value, comma": (b'{"a": , "b": 1}', "1:7", "a value is missing before this comma"),
    "single quotes": (b"{'a': 1}", "1:2", NAME + "; strings need double quotes"),
    "single-quoted value": (b"{\"a\": 'x'}", "1:7",
                            "a value is expected here; strings need double quotes"),
    "no quotes": (b"{a: 1}", "1:2", NAME),
    "a number as name": (b"{1: 1}", "1:2", NAME),
    "typographic quotes": ('{“a”: 1}'.encode(), "1:2", NAME + ", not the character U+201C"),
    "wrong bracket": (b'{"a": [1}', "1:9", "a comma or ] is expected here"),
    "wrong brace": (b'{"a": 1]', "1:8", "a comma or } is expected here"),
    "cut at the brace": (b"{", "1:2", "the text ends where a name in double quotes is expected"),
    "cut behind a name": (b'{"a"', "1:5", "the text ends where a colon is expected"),
    "cut behind a colon": (b'{"a":', "1:6", "the text ends where a value is expected"),
    "cut behind a value": (b'{"a": 1\n', "2:1", "the text ends where a comma or } is expected"),
    "cut in a string": (b'{"a": "x', "1:9", "the text ends inside a string"),
    "cut in an escape": (b'{"a": "x\\', "1:10", "the text ends inside a string"),
    "UTF-16 little-endian": ("\ufeff{}".encode("utf-16-le"), "1:1",
                             "this is UTF-16 text, but JSON is UTF-8: save it as UTF-8"),
    "UTF-16 big-endian": ("\ufeff{}".encode("utf-16-be"), "1:1",
                          "this is UTF-16 text, but JSON is UTF-8: save it as UTF-8"),
    "UTF-16 without a mark": ("{}".encode("utf-16-le"), "1:1",
                              "this is UTF-16 text, but JSON is UTF-8: save it as UTF-8"),
    "Latin-1": (b'{"a": "\xe9"}', "1:8", "invalid UTF-8"),
    "a lone continuation byte": (b'{"\x80": 1}', "1:3", "invalid UTF-8"),
    "overlong UTF-8": (b'{"a": "\xc0\xaf"}', "1:8", "invalid UTF-8"),
    "a surrogate in UTF-8": (b'{"a": "\xed\xa0\x80"}', "1:8", "invalid UTF-8"),
    "beyond Unicode": (b'{"a": "\xf4\x90\x80\x80"}', "1:8", "invalid UTF-8"),
    "UTF-8 cut": (b'{"a": "\xe2\x82"}', "1:8", "invalid UTF-8"),
    "column counts characters": ('{"é😀": x}'.encode(), "1:8", "a value is expected here"),
    "lone high surrogate": (b'{"a": "\\ud800"}', "1:8", "a lone surrogate: \\ud800 to \\udfff only "
                            "come in pairs of a high and a low one"),
    "lone low surrogate": (b'{"a": "x\\udc00"}', "1:9", "a lone surrogate: \\ud800 to \\udfff only "
                           "come in pairs of a high and a low one"),
    "escape unknown": (b'{"a": "\\x41"}', "1:9", "no such escape: a backslash is followed by one "
                       "of \" \\ / b f n r t u"),
    "escape with bad digits": (b'{"a": "\\u12g4"}', "1:12", "\\u needs four hexadecimal digits"),
    "tab in a string": (b'{"a": "x\ty"}', "1:9", "a tab in a string is written \\t"),
    "newline in a string": (b'{"a": "x\ny"}', "1:9",
                            "the string is not closed before the end of the line"),
    "NUL in a string": (b'{"a": "x\0y"}', "1:9",
                        "the control character U+0000 in a string is written \\u0000"),
    "NUL behind": (b"{}\0", "1:3", "text after the value: a JSON document is one value"),
    "NUL bytes alone": (b"\0\0\0", "1:1",
                        "a value is expected here, not the character U+0000"),
    "vertical tab": (b"{\v}", "1:2", NAME + ", not the character U+000B"),
    "no-break space": ("{\u00a0}".encode(), "1:2", NAME + ", not the character U+00A0"),
    "two BOMs": (BOM + BOM + b"{}", "1:1",
                 "a value is expected here, not the character U+FEFF"),
    "leading zero": (b'{"a": 01}', "1:8", "a number may not begin with a needless 0"),
    "point at the end": (b'{"a": 1.}', "1:9", "a digit is missing after the decimal point"),
    "point first": (b'{"a": .5}', "1:7", "a number may not begin with ."),
    "plus sign": (b'{"a": +1}', "1:7", "a number may not begin with +"),
    "minus alone": (b'{"a": -}', "1:8", "a digit is missing after the minus sign"),
    "exponent without digits": (b'{"a": 1e}', "1:9",
                                "a digit is missing after the e of the exponent"),
    "hexadecimal": (b'{"a": 0x10}', "1:8", "hexadecimal numbers are not JSON"),
    "NaN": (b'{"a": NaN}', "1:7", "a value is expected here; NaN and Infinity are not JSON"),
    "True": (b'{"a": True}', "1:7",
             "a value is expected here; true and false are spelled in lower case"),
    "half a word": (b'{"a": tru}', "1:10", "no JSON word: only true, false and null are"),
    "600 levels": (b"[" * 600 + b"]" * 600, "1:513", "more than 512 levels"),
    "an array": (b"[]", "1:1", "the whole file is an array, not an object"),
    "a string": (b' "x"', "1:2", "the whole file is a string, not an object"),
    "a number": (b"5\n", "1:1", "the whole file is a number, not an object"),
    "null": (b"null", "1:1", "the whole file is null, not an object"),
    "credHelpers an array": (b'{"credHelpers": []}', "1:17", "credHelpers is an array, not an object"),
    "credHelpers a string": (b'{\n\t"credHelpers": "icr"\n}', "2:17",
                             "credHelpers is a string, not an object"),
    "credHelpers null": (b'{"credHelpers": null}', "1:17", "credHelpers is null, not an object"),
    "credHelpers true": (b'{"credHelpers": true}', "1:17", "credHelpers is true, not an object"),
    "the second credHelpers a number": (b'{"credHelpers": {}, "CREDHELPERS": 5}', "1:36",
                                        "credHelpers is a number, not an object"),
    "an entry null": (b'{"credHelpers": {"us.icr.io": null}}', "1:31",
                      "an entry of credHelpers is null, not the name of a helper"),
    "an entry a number": (b'{"credHelpers": {"a.io": "x",\n"b.io": 1}}', "2:9",
                          "an entry of credHelpers is a number, not the name of a helper"),
    "an entry an object": (b'{"credHelpers": {"a.io": {}}}', "1:26",
                           "an entry of credHelpers is an object, not the name of a helper"),
    "an entry an array": (b'{"credHelpers": {"a.io": ["icr"]}}', "1:26",
                          "an entry of credHelpers is an array, not the name of a helper"),
    "shell": (b"export DOCKER_CONFIG=/x\n", "1:1", "a value is expected here"),
    "YAML": (b"auths: {}\n", "1:1", "a value is expected here"),
    "an HTML page": (b"<html></html>", "1:1", "a value is expected here"),
}
