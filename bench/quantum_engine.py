"""A circuit of 12 qubits and 8 layers, 1000 shots: the quantum engine against qiskit-aer.

1. Both run the same circuit and answer the outcome of each shot: once from their own circuit objects, once
   from text, Quil here and OpenQASM there.
2. A layer turns each qubit about three axes and entangles neighbours, even pairs and odd pairs in turn.
3. The peer is given one thread, with which it is faster at this size than with all; so is numpy.
4. The peer comes with the extra `bench`, and is needed for this row alone.
"""

import os
import random
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported, below

from actors.effects.quantum.program import compile_program
from actors.effects.quantum.run import run
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale

OBJECTS = Measure(
    name="quantum circuit, 12 qubits, 8 layers, to qiskit-aer", at_least=1.5, goal=0.5, lower_is_better=True
)
TEXTS = Measure(name="the same, from text", at_least=1.5, goal=1, lower_is_better=True)
QUBITS = 12
LAYERS = 8
SHOTS = 1000
RUNS = 10
"""In a round."""


def circuit(seed: int) -> tuple[str, str]:
    """Return the circuit as Quil and as OpenQASM 2."""
    rng = random.Random(seed)  # noqa: S311 - angles, not secrets
    quil = [f"DECLARE ro BIT[{QUBITS}]"]
    qasm = ["OPENQASM 2.0;", 'include "qelib1.inc";', f"qreg q[{QUBITS}];", f"creg c[{QUBITS}];"]
    for layer in range(LAYERS):
        for qubit in range(QUBITS):
            for axis in ("Z", "X", "Z"):
                angle = round(rng.uniform(0, 6.28), 6)
                quil.append(f"R{axis}({angle}) {qubit}")
                qasm.append(f"r{axis.lower()}({angle}) q[{qubit}];")
        for qubit in range(layer % 2, QUBITS - 1, 2):
            quil.append(f"CZ {qubit} {qubit + 1}")
            qasm.append(f"cz q[{qubit}],q[{qubit + 1}];")
    for qubit in range(QUBITS):
        quil.append(f"MEASURE {qubit} ro[{qubit}]")
        qasm.append(f"measure q[{qubit}] -> c[{qubit}];")
    return "\n".join(quil), "\n".join(qasm)


def measure(scale: Scale = FULL) -> list[Result]:
    """Measure seconds for a run on either side."""
    from qiskit import qasm2  # noqa: PLC0415 - only this row needs the peer
    from qiskit_aer import AerSimulator  # noqa: PLC0415 - as above

    quil, qasm = circuit(1)
    program, peer_circuit = compile_program(quil), qasm2.loads(qasm)
    simulator = AerSimulator(method="statevector", max_parallel_threads=1)

    def ours() -> float:
        begin = time.perf_counter()
        for number in range(RUNS):
            run(program, shots=SHOTS, patches={}, seed=(number,))
        return (time.perf_counter() - begin) / RUNS

    def ours_from_text() -> float:
        begin = time.perf_counter()
        for number in range(RUNS):
            run(compile_program(quil), shots=SHOTS, patches={}, seed=(number,))
        return (time.perf_counter() - begin) / RUNS

    def theirs() -> float:
        begin = time.perf_counter()
        for _ in range(RUNS):
            simulator.run(peer_circuit, shots=SHOTS, memory=True).result().get_memory()
        return (time.perf_counter() - begin) / RUNS

    def theirs_from_text() -> float:
        begin = time.perf_counter()
        for _ in range(RUNS):
            simulator.run(qasm2.loads(qasm), shots=SHOTS, memory=True).result().get_memory()
        return (time.perf_counter() - begin) / RUNS

    return [
        side_by_side(OBJECTS, ours, theirs, rounds=scale.rounds),
        side_by_side(TEXTS, ours_from_text, theirs_from_text, rounds=scale.rounds),
    ]
