"""Other libraries in a virtual environment of their own.

    python benchmarks/peers_env.py DIRECTORY

installs them there (about 2 GB); ``step_cost.py --peers DIRECTORY`` measures a training step of the
KAN libraries, ``peers.py --env DIRECTORY`` whole solves of all. The environment of kanpde is never
touched. A library that does not install is reported and left out.
"""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

from peer_step import ONE_THREAD, PEERS

HERE = Path(__file__).parent
PACKAGES = {
    "torch": ["torch==2.13.0"],
    # the metadata of pykan 0.2.8 declares no dependencies
    "pykan": ["pykan==0.2.8", "scikit-learn", "pandas", "sympy", "pyyaml", "tqdm", "matplotlib"],
    "inkan": ["inkan==0.5.2"],
    "efficient-kan": [
        "efficient_kan @ git+https://github.com/Blealtan/efficient-kan"
        "@7b6ce1c87f18c8bc90c208f6b494042344216b11"
    ],
    "jaxKAN": ["jaxkan==0.3.7", "jax==0.10.2", "jaxlib==0.10.2"],
    "DeepXDE": ["torch==2.13.0", "deepxde==1.15.0"],
    "PINA": ["torch==2.13.0", "pina-mathlab==0.3.2.post2610"],
    "scikit-fem": ["scikit-fem==12.0.2"],
}


def interpreter(directory: Path) -> Path:
    """Return the Python of a virtual environment."""
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return directory / folder / name


def install(directory: Path) -> dict[str, str]:
    """Make the environment; return for each library "" or the last line of pip's complaint."""
    if not interpreter(directory).exists():
        venv.create(directory, with_pip=True)
    complaints = {}
    for name, packages in PACKAGES.items():
        command = [str(interpreter(directory)), "-m", "pip", "install", "--quiet", *packages]
        done = subprocess.run(command, capture_output=True, text=True)
        lines = done.stderr.strip().splitlines() or ["pip failed"]
        complaints[name] = lines[-1] if done.returncode else ""
    return complaints


def measure(directory: Path, points: list[int], repeats: int) -> Iterator[dict]:
    """Yield the measurements of all peers, each library in a process of its own.

    Raises:
        FileNotFoundError: if there is no environment in the directory.
    """
    python = interpreter(directory)
    if not python.exists():
        raise FileNotFoundError(
            f"there is no virtual environment in {directory}; make it by "
            f"python benchmarks/peers_env.py {directory}"
        )
    for peer, (name, _) in PEERS.items():
        command = [str(python), str(HERE / "peer_step.py"), peer, "--repeats", str(repeats)]
        command += ["--points", *map(str, points)]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **ONE_THREAD},
        )
        assert process.stdout is not None
        rows = [json.loads(line) for line in process.stdout if line.startswith("{")]
        if process.wait():
            rows.append(
                {"network": name, "failure": f"the process ended with status {process.returncode}"}
            )
        yield from rows


def main() -> None:
    """Install the peers into the directory given on the command line."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name, complaint in install(Path(sys.argv[1])).items():
        print(f"{name:<16}{complaint or 'installed'}")


if __name__ == "__main__":
    main()
