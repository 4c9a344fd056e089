"""Where the class finds this machine."""

import ipaddress
import xml.etree.ElementTree as ET

from grpo_core.app.dashboard.classroom.address import addresses, qr_svg, qr_text

URL = "http://192.168.1.7:7860/join?code=K7M4QX"


def test_addresses_are_those_that_others_can_reach() -> None:
    for address in addresses():
        ip = ipaddress.IPv4Address(address)
        assert not ip.is_loopback and not ip.is_link_local and not ip.is_unspecified


def test_the_code_is_a_picture_and_nothing_else() -> None:
    image = ET.fromstring(qr_svg(URL))
    names = {element.tag.partition("}")[2] for element in image.iter()}
    assert names <= {"svg", "path", "g"}
    box = image.get("viewBox", "").split()
    assert box[2] == box[3] and image.get("width") is None


def test_both_show_the_same_dots() -> None:
    """Dark dots of the terminal's half blocks, against those of the library's own matrix."""
    import segno

    rows = qr_text(URL).splitlines()
    dots: list[list[bool]] = []
    for row in rows:
        dots.append([c in " ▄" for c in row])  # light is drawn: what is dark is left out
        dots.append([c in " ▀" for c in row])
    border = 2
    matrix = [[bool(dot) for dot in row] for row in segno.make(URL, micro=False).matrix]
    inner = [row[border : border + len(matrix)] for row in dots[border : border + len(matrix)]]
    assert inner == matrix
