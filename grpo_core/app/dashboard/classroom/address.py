"""Where a class finds this machine: its address in the network, and that as a QR code."""

import contextlib
import io
import ipaddress
import socket

import psutil  # type: ignore[import-untyped]
import segno


def addresses() -> list[str]:
    """This machine's IPv4 addresses that others can reach, the likeliest first."""
    found = [
        entry.address
        for name, entries in psutil.net_if_addrs().items()
        if _is_up(name)
        for entry in entries
        if entry.family == socket.AF_INET and _is_of_network(entry.address)
    ]
    main = _towards_others()
    return sorted(dict.fromkeys(found), key=lambda address: address != main)


def _is_up(interface: str) -> bool:
    status = psutil.net_if_stats().get(interface)
    return status is None or status.isup


def _is_of_network(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return not (ip.is_loopback or ip.is_link_local or ip.is_unspecified)


def _towards_others() -> str | None:
    """The address that a packet to elsewhere would carry. None is sent: UDP only looks it up."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address for documentation: nobody has it
        return str(probe.getsockname()[0])
    return None


def qr_svg(text: str) -> str:
    """The QR code as an SVG image: black on white in any theme, with its quiet zone."""
    stream = io.BytesIO()
    segno.make(text, micro=False).save(
        stream, kind="svg", scale=6, border=4, light="#fff", dark="#000", svgclass=None,
        lineclass=None, omitsize=True,
    )  # fmt: skip
    return stream.getvalue().decode()


def qr_text(text: str) -> str:
    """The QR code for a terminal with a dark ground, two rows of dots to a line."""
    stream = io.StringIO()
    segno.make(text, micro=False).terminal(out=stream, border=2, compact=True)
    return stream.getvalue().rstrip("\n")
