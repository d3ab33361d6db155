"""Names that reach out of a computation on frames: modules and calls worth a look.

Each is a kind and what to say. A name that code gives itself (`import os as o`) is
followed; one that it builds at run time is found by its building.
"""

NETWORK = "network"
PROCESS = "processes"
NATIVE = "native code"
SYSTEM = "the machine"
DYNAMIC = "code made at run time"
PICKLE = "code out of data"
INSIDE = "inside of Python"
PACKING = "packing"
TIMING = "timing"
CHANCE = "chance"
ENDING = "how it ends"
FILES = "files"

_NETWORK = "speaks to a network; there is none in the sandbox, so why is it here?"
_PROCESS = "starts other programs or workers"
_NATIVE = "reaches memory and machine code past Python"
_PICKLE = "runs code that is hidden in data"
_PACKING = "packs or unpacks bytes: pictures fit into texts and numbers that way"
_INSIDE = "looks into the running interpreter, for what it was not given"

# first part of the module's name -> (kind, what to say)
MODULES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        (
            "socket", "ssl", "http", "urllib", "urllib3", "requests", "httpx", "aiohttp",
            "ftplib", "smtplib", "poplib", "imaplib", "telnetlib", "xmlrpc", "socketserver",
            "websockets", "paramiko", "grpc", "boto3", "minio", "select", "selectors", "asyncio",
        ),
        (NETWORK, _NETWORK),
    ),
    **dict.fromkeys(
        ("subprocess", "multiprocessing", "pty", "threading", "_thread", "concurrent"),
        (PROCESS, _PROCESS),
    ),
    **dict.fromkeys(("ctypes", "_ctypes", "cffi", "mmap", "numba"), (NATIVE, _NATIVE)),
    **dict.fromkeys(
        (
            "os", "posix", "nt", "shutil", "pathlib", "glob", "tempfile", "io", "fcntl", "signal",
            "resource", "platform", "getpass", "pwd", "syslog", "logging", "sqlite3",
        ),
        (SYSTEM, "reaches files, the environment or processes: look at each use"),
    ),
    **dict.fromkeys(
        ("pickle", "_pickle", "cPickle", "marshal", "dill", "joblib", "cloudpickle", "shelve"),
        (PICKLE, _PICKLE),
    ),
    **dict.fromkeys(
        ("importlib", "imp", "runpy", "pkgutil", "zipimport", "builtins", "code", "codeop",
         "__main__"),
        (DYNAMIC, "loads or makes code that is not written here"),
    ),
    **dict.fromkeys(("inspect", "gc", "dis", "types", "traceback", "weakref"), (INSIDE, _INSIDE)),
    **dict.fromkeys(
        (
            "base64", "binascii", "zlib", "gzip", "bz2", "lzma", "zipfile", "tarfile", "struct",
            "codecs", "array", "quopri", "uu", "hashlib", "hmac", "cryptography",
        ),
        (PACKING, _PACKING),
    ),
    **dict.fromkeys(
        ("time", "sched", "datetime"),
        (TIMING, "knows the time; how long a job runs can be a message"),
    ),
    **dict.fromkeys(("random", "secrets", "uuid"), (CHANCE, "draws random values")),
}  # fmt: skip

# dotted name of what is called (or looked up) -> (kind, what to say)
CALLS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("eval", "exec", "compile", "__import__", "breakpoint", "input", "execfile"),
        (DYNAMIC, "runs text as code, or asks for input"),
    ),
    **dict.fromkeys(
        ("globals", "locals", "vars", "dir", "sys._getframe", "sys._current_frames",
         "sys.settrace", "sys.setprofile", "sys.modules", "sys.path", "sys.meta_path",
         "sys.path_hooks", "sys.stdout", "sys.stderr", "sys.__stdout__", "__builtins__"),
        (INSIDE, _INSIDE),
    ),
    **dict.fromkeys(
        ("os.environ", "os.getenv", "os.listdir", "os.scandir", "os.walk", "os.open", "os.read",
         "os.write", "os.stat", "os.symlink", "os.link", "os.rename", "os.mkfifo", "os.memfd_create"),
        (SYSTEM, "reaches files or the environment by hand"),
    ),
    **dict.fromkeys(
        ("os.system", "os.popen", "os.fork", "os.spawnv", "os.execv", "os.execve", "os.posix_spawn",
         "os.ptrace"),
        (PROCESS, _PROCESS),
    ),
    **dict.fromkeys(
        ("os._exit", "os.kill", "os.abort", "sys.exit", "exit", "quit", "atexit.register",
         "signal.signal", "signal.alarm", "resource.setrlimit", "faulthandler.enable"),
        (ENDING, "decides how the job ends; that can be a message"),
    ),
    **dict.fromkeys(
        ("time.sleep", "threading.Event.wait", "signal.pause", "signal.setitimer"),
        (TIMING, "waits; how long a job runs can be a message"),
    ),
    **dict.fromkeys(
        ("numpy.packbits", "numpy.unpackbits", "numpy.frombuffer", "numpy.fromstring",
         "int.from_bytes", "int.to_bytes", "float.fromhex", "bytes.fromhex", "bin", "hex", "chr",
         "memoryview", "bytearray", "cv2.imencode", "cv2.imwrite", "PIL.Image.fromarray"),
        (PACKING, _PACKING),
    ),
    **dict.fromkeys(
        ("numpy.save", "numpy.savez", "numpy.savez_compressed", "numpy.savetxt", "numpy.load",
         "numpy.memmap", "numpy.fromfile"),
        (FILES, "writes or reads files of arrays"),
    ),
}  # fmt: skip

# name of a method, whatever it is called on
METHODS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        (
            "tobytes",
            "tostring",
            "tofile",
            "to_bytes",
            "fromhex",
            "b64encode",
            "packbits",
            "getbuffer",
        ),
        (PACKING, _PACKING),
    ),
    "sleep": (TIMING, "waits; how long a job runs can be a message"),
}

# attributes that no computation on frames needs
UNDERSIDE = frozenset(
    {
        "__globals__", "__builtins__", "__subclasses__", "__bases__", "__base__", "__mro__",
        "__code__", "__closure__", "__dict__", "__reduce__", "__reduce_ex__", "__getattribute__",
        "__loader__", "__spec__", "__import__", "__self__", "__wrapped__", "f_back", "f_globals",
        "f_locals", "f_builtins", "gi_frame", "cr_frame", "tb_frame", "co_code", "ctypeslib",
    }
)  # fmt: skip
INSIDE_TEXT = _INSIDE
