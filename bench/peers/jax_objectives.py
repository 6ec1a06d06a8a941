"""Score-matching training steps in JAX: `jvp` inside `grad`, all directions by `vmap`, and Adam in the same compiled step.

    jit    a call for each step, its state donated
    scan   ten steps in a call, by `lax.scan`
"""

import jax
import jax.numpy as jnp

import measure
from cases import LEARNING_RATE, SIGMA, Case


def weights(key, layers: tuple[int, ...]):
    keys = jax.random.split(key, len(layers) - 1)
    return [(jax.random.normal(k, (a, b)) / a**0.5, jnp.zeros(b)) for k, a, b in zip(keys, layers, layers[1:])]


def network(weights, x):
    *hidden, (last, bias) = weights
    for weight, shift in hidden:
        x = jax.nn.silu(x @ weight + shift)
    return x @ last + bias


def along(score, x, directions):
    """s [n, d], and (∂s/∂x)v for each of `directions` [k, n, d]."""
    return jax.vmap(lambda v: jax.jvp(score, (x,), (v,)), out_axes=(None, 0))(directions)


def sliced(score, x, key, case: Case):
    v = jax.random.rademacher(key, (case.projections, *x.shape), x.dtype)
    s, derivative = along(score, x, v)
    return jnp.mean(0.5 * jnp.sum(s * v, -1) ** 2 + jnp.sum(derivative * v, -1))


def implicit(score, x, key, case: Case):
    basis = jnp.broadcast_to(jnp.eye(x.shape[1])[:, None, :], (x.shape[1], *x.shape))
    s, jacobian = along(score, x, basis)
    return jnp.mean(0.5 * jnp.sum(s**2, 1) + jnp.trace(jacobian, axis1=0, axis2=2))


def denoising(score, x, key, case: Case):
    n = jax.random.normal(key, x.shape)
    return jnp.mean(0.5 * jnp.sum((SIGMA * score(x + SIGMA * n) + n) ** 2, 1))


OBJECTIVES = {"sliced": sliced, "energy": sliced, "implicit": implicit, "denoising": denoising}


def loss(weights, x, key, case: Case):
    def score(x):
        return network(weights, x)

    def minus_gradient(x):
        return jax.grad(lambda x: -jnp.sum(network(weights, x)))(x)

    return OBJECTIVES[case.objective](minus_gradient if case.objective == "energy" else score, x, key, case)


def adam(weights, first, second, count, gradient):
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda u, g: 0.999 * u + 0.001 * g * g, second, gradient)
    rate, spread = LEARNING_RATE / (1 - 0.9**count), 1 / (1 - 0.999**count)
    weights = jax.tree.map(lambda w, m, u: w - rate * m / (jnp.sqrt(u * spread) + 1e-8), weights, first, second)
    return weights, first, second, count


def prepare(case: Case, form: str):
    x = jax.random.normal(jax.random.key(1), (case.batch, case.layers[0]))

    def step(state, x):
        *moments, key = state
        key, now = jax.random.split(key)
        gradient = jax.grad(loss)(moments[0], x, now, case)
        return *adam(*moments, gradient), key

    def ten(state, x):
        return jax.lax.scan(lambda state, _: (step(state, x), None), state, length=measure.CHUNK)[0]

    call, steps_in_call = {"jit": (step, 1), "scan": (ten, measure.CHUNK)}[form]
    compiled = jax.jit(call, donate_argnums=0)
    start = weights(jax.random.key(0), case.layers)
    zeros = [jax.tree.map(jnp.zeros_like, start) for _ in range(2)]
    state = (start, *zeros, jnp.float32(0), jax.random.key(2))
    count = sum(w.size for w in jax.tree.leaves(start))

    def advance(steps: int) -> None:
        nonlocal state
        for _ in range(steps // steps_in_call):
            state = compiled(state, x)
        jax.block_until_ready(state)

    return count, advance


if __name__ == "__main__":
    measure.run("jax", jax.__version__, prepare)
