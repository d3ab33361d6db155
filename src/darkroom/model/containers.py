"""How recordings begin that hold their pictures themselves. Pure.

What is left out are lists that lead to other files or addresses (concat, HLS, DASH, SDP); that
OpenCV passes FFmpeg's own allow-list on was tried, and it does not.
"""

HEAD_BYTES = 16
# offset -> beginnings
CONTAINERS: dict[int, tuple[bytes, ...]] = {
    0: (
        b"RIFF",  # AVI
        b"\x1a\x45\xdf\xa3",  # Matroska, WebM
        b"\x47",  # MPEG transport stream
        b"\x00\x00\x01",  # MPEG program stream, H.264, H.265
        b"\x00\x00\x00\x01",
        b"\xff\xd8\xff",  # MJPEG
        b"FLV\x01",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF
        b"GIF8",
        b"OggS",
    ),
    4: (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"),  # MP4, MOV
}


def is_recording(head: bytes) -> bool:
    """Whether a file that begins so holds its pictures itself."""
    return any(head.startswith(b, at) for at, each in CONTAINERS.items() for b in each)
