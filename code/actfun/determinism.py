"""One call after which a chapter computes the same numbers on every run."""

import operator
import os
import random
import sys
import warnings

import numpy as np
import threadpoolctl

LARGEST_SEED = 2**32 - 1  # NumPy's legacy generator takes 32 bits, the least of all


def reproducible(seed):
    """Seed every generator a chapter uses and fix what else makes numbers differ.

    What is done, in this order:

    1. BLAS and OpenMP, which NumPy, SciPy and scikit-learn use, work with one thread: the order
       of a sum, and with it the last digits, depends on the number of threads.
    2. TensorFlow, if it is imported, works with one thread and with deterministic operations. If
       it is not imported yet, the same is laid down in environment variables that it reads when
       it is imported (processes started later inherit them).
    3. ``random`` and NumPy's legacy state (``np.random.seed``) are seeded, and, if Keras is
       imported, ``keras.utils.set_random_seed`` seeds Keras and its backend. Keras imported
       *later* draws its seeds from ``random``, and so is reproducible as well, though with other
       numbers: import first, call this second.

    TensorFlow fixes its threads with its first operation and refuses to change them later. If
    that moment has passed with another number of threads, a ``RuntimeWarning`` says so, and the
    rest is done all the same: dense networks are unaffected, convolutions may differ in the last
    digits between machines with different numbers of cores. Calling the function again is
    harmless: it seeds anew.

    Out of reach from inside a running process: ``PYTHONHASHSEED`` (the order of a set of
    strings) and ``TF_ENABLE_ONEDNN_OPTS`` once TensorFlow is imported. The build sets both.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1, dimensionless.

    Returns
    -------
    numpy.random.Generator
        A new generator made from `seed`, independent of the legacy state.

    Raises
    ------
    TypeError
        If `seed` is not an integer.
    ValueError
        If `seed` is negative or needs more than 32 bits.

    Warns
    -----
    RuntimeWarning
        If TensorFlow has started with more than one thread.

    Examples
    --------
    At the top of a notebook, after the imports, ``rng = reproducible(1)``. A seed must be one:

    >>> reproducible(-1)
    Traceback (most recent call last):
    ...
    ValueError: reproducible: seed must lie from 0 to 4294967295, not -1
    """
    seed = _checked(seed)
    threadpoolctl.threadpool_limits(limits=1)
    _fix_tensorflow()
    random.seed(seed)
    np.random.seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)
    elif "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(seed)
    return np.random.default_rng(seed)


def _checked(seed):
    """Return `seed` as a Python int, or say what is wrong with it."""
    try:
        if isinstance(seed, (bool, np.bool_)):  # True would pass for 1, and be a mistake
            raise TypeError
        number = operator.index(seed)
    except TypeError:
        raise TypeError(
            f"reproducible: seed must be an integer from 0 to {LARGEST_SEED}, "
            f"not {seed!r} of type {type(seed).__name__}"
        ) from None
    if not 0 <= number <= LARGEST_SEED:
        raise ValueError(f"reproducible: seed must lie from 0 to {LARGEST_SEED}, not {number}")
    return number


def _fix_tensorflow():
    """One thread and deterministic operations, now or for a later import."""
    if "tensorflow" not in sys.modules:
        os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
        os.environ["TF_NUM_INTEROP_THREADS"] = "1"
        os.environ["TF_DETERMINISTIC_OPS"] = "1"
        return
    tf = sys.modules["tensorflow"]
    threading = tf.config.threading
    late = []
    for kind, set_threads, get_threads in (
        (
            "intra-op",
            threading.set_intra_op_parallelism_threads,
            threading.get_intra_op_parallelism_threads,
        ),
        (
            "inter-op",
            threading.set_inter_op_parallelism_threads,
            threading.get_inter_op_parallelism_threads,
        ),
    ):
        variable = "TF_NUM_" + kind.replace("-", "").upper() + "_THREADS"
        if get_threads() == 1 or (get_threads() == 0 and os.environ.get(variable) == "1"):
            continue
        try:
            set_threads(1)
        except RuntimeError:  # TensorFlow has run an operation already
            late.append(f"{kind}: {get_threads() or 'one per core'}")
    tf.config.experimental.enable_op_determinism()
    if late:
        warnings.warn(
            f"reproducible: TensorFlow has already started its threads ({', '.join(late)}); "
            "call reproducible() before the first TensorFlow or Keras operation to work with one",
            RuntimeWarning,
            stacklevel=3,
        )
