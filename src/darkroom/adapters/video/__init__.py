"""Cameras: RTSP streams, V4L2 devices and spool folders, each decoded in a process apart.

decoder.py        the process: one connection, one device, one clip; no key, no file, no disk
wire.py           what it is told and what it says, bounded on both sides
stream_time.py    when a frame was taken, and which frames are kept
decoder_walls.py  what the process gives up before it reads a byte, and after it has opened
process.py        our side: starts it, hears it, ends it
stream.py         a stream or device as a `LiveSource`
spool.py          a folder as a `LiveSource`
"""
