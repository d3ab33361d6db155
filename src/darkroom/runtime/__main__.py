"""`python -I …/darkroom/runtime/__main__.py PROGRAM [--root DIR] [--report FD]`.

Works installed or not: the folder that holds this package is added to the import path
behind the interpreter's own.
"""

import sys


def _find_package() -> None:
    source = __file__.rsplit("/", 3)[0]
    if source not in sys.path:
        places = [i for i, path in enumerate(sys.path) if "site-packages" in path]
        sys.path.insert(places[0] if places else len(sys.path), source)


if __name__ == "__main__":
    _find_package()
    from darkroom.runtime.programs import main

    main(sys.argv[1:])
