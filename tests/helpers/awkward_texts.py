"""Texts that a file format, a spreadsheet or a page may stumble over."""

AWKWARD = [
    "=1+1",
    "@SUM(A1)",
    "+44",
    "-5",
    '\'quoted\' "twice""',
    "two\nlines\r\nand\ra return, a comma",
    "NA",
    "null",
    "nan",
    "",
    " ",
    "\tTab",
    "nul \x00 in it",
    "\u202eright to left\u202c \u200b\u2028\u2029 \ufeff",
    "</script><!-- ]]> ${7*7} {{x}} <img src=x onerror=1>",
    "é 漢 🙂 \ud83d",
    "A" * 100_000,
]
