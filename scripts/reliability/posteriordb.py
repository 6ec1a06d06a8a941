"""Ten posteriors of Stan's posteriordb as `density:FILE.toml`, with the reference draws of each.

A formula is written in coordinates x of mean 0 and covariance I over the reference draws: u = centre + L·x, where u are Stan's unconstrained
parameters (the logarithm of a positive one, the logit of a bounded one, the logarithm of the step of an ordered one). The logarithms of the
Jacobians are part of it. Models: posterior_database/models/stan of github.com/stan-dev/posteriordb (BSD-3-Clause).
"""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import numpy as np


@dataclass
class Posterior:
    name: str
    # The unconstrained parameters [d, n] of the draws of each named parameter.
    unconstrained: Callable[[dict[str, np.ndarray]], list[np.ndarray]]
    # The formula for log p in u0, u1, …, from the data.
    formula: Callable[[dict], str]
    # How many times as many steps a sampler takes as elsewhere, or all of them: more where a tail is long, fewer where the shape is nearly normal and dear.
    times: dict[str, float] = field(default_factory=dict)


def load(path: Path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(archive.namelist()[0]))


def read(folder: Path, posterior: Posterior) -> tuple[np.ndarray, str]:
    """The reference draws [n, d] in coordinates x, and the file's text."""
    [path] = (folder / "draws").glob(f"*-{posterior.name}.json.zip")
    chains = load(path)
    draws = {key: np.concatenate([chain[key] for chain in chains]) for key in chains[0]}
    data = load(folder / "data" / f"{path.name.split('-')[0]}.json.zip")
    u = np.array(posterior.unconstrained(draws))
    centre, factor = u.mean(axis=1), np.linalg.cholesky(np.cov(u))
    x = np.linalg.solve(factor, u - centre[:, None]).T
    lines = []
    for i, (c, row) in enumerate(zip(centre, factor)):
        lines.append(f"let u{i} = {number(c)}" + "".join(f" + {number(w)}*x[{j}]" for j, w in enumerate(row[: i + 1])) + ";")
    text = "\n".join([*lines, posterior.formula(data)])
    return x, f"kind = \"formula\"\ndimension = {len(u)}\nlog_density = '''\n{text}\n'''\n"


def number(value: float) -> str:
    return f"({value:.17g})"


def total(terms) -> str:
    """A sum whose brackets do not nest."""
    return " + ".join(f"({term})" for term in terms)


def half_cauchy(scale: float, log: str) -> str:
    """log p of exp(log), half-Cauchy, with its Jacobian."""
    return f"{log} - log1p((exp({log})/{scale})^2)"


def normal(mean: float, std: float, of: str) -> str:
    return f"-0.5*(({of} - {mean})/{std})^2"


def regression(X: np.ndarray, y: np.ndarray, log_sigma: str) -> str:
    """log N(y; X·u, σ²I): ‖y − Xu‖² is what least squares leave and a quadratic form about their solution."""
    best, *_ = np.linalg.lstsq(X, y, rcond=None)
    left = float(np.sum((y - X @ best) ** 2))
    # Rows of R of X = QR: ‖X(u − û)‖² = ‖R(u − û)‖².
    R = np.linalg.qr(X, mode="r")
    rows = [" + ".join(f"{number(R[i, j])}*(u{j} - {number(best[j])})" for j in range(i, len(best))) for i in range(len(best))]
    squares = total(f"({row})^2" for row in rows)
    return f"-{len(y)}*{log_sigma} - 0.5*exp(-2*{log_sigma})*({number(left)} + {squares})"


def linear(draws, coefficients: int) -> list[np.ndarray]:
    return [*(draws[f"beta[{i}]"] for i in range(1, coefficients + 1)), np.log(draws["sigma"])]


def kidscore(columns):
    def formula(data):
        X = np.column_stack([np.broadcast_to(column, len(data["kid_score"])) for column in columns({k: np.array(v) for k, v in data.items()})])
        log_sigma = f"u{X.shape[1]}"
        return total([regression(X, np.array(data["kid_score"], float), log_sigma), half_cauchy(2.5, log_sigma)])

    return formula


def blr(data):
    beta = [normal(0, 10, f"u{i}") for i in range(5)]
    return total([regression(np.array(data["X"]), np.array(data["y"]), "u5"), *beta, normal(0, 10, "exp(u5)"), "u5"])


def autoregression(data):
    y, K = np.array(data["y"]), data["K"]
    X = np.column_stack([np.ones(len(y) - K), *(y[K - k : len(y) - k] for k in range(1, K + 1))])
    return total([regression(X, y[K:], "u6"), *(normal(0, 10, f"u{i}") for i in range(6)), half_cauchy(2.5, "u6")])


def arma(data):
    y = data["y"]
    lines = [f"let e0 = {number(y[0])} - u0 - u1*u0;"]
    lines += [f"let e{t} = {number(y[t])} - u0 - u1*{number(y[t - 1])} - u2*e{t - 1};" for t in range(1, len(y))]
    squares = total(f"e{t}^2" for t in range(len(y)))
    priors = [normal(0, 10, "u0"), normal(0, 2, "u1"), normal(0, 2, "u2"), half_cauchy(2.5, "u3")]
    return "\n".join([*lines, total([f"-{len(y)}*u3 - 0.5*exp(-2*u3)*({squares})", *priors])])


def garch(data):
    y = data["y"]
    lines = ["let a0 = exp(u1);", "let a1 = sigmoid(u2);", "let b1 = (1 - a1)*sigmoid(u3);", f"let v0 = {number(data['sigma1'] ** 2)};"]
    lines += [f"let r{t} = ({number(y[t])} - u0)^2;" for t in range(len(y))]
    lines += [f"let v{t} = a0 + a1*r{t - 1} + b1*v{t - 1};" for t in range(1, len(y))]
    # d a1/d u2 = a1(1 − a1); d b1/d u3 = (1 − a1)·s(1 − s).
    jacobian = "u1 - softplus(-u2) - softplus(u2) - softplus(u2) - softplus(-u3) - softplus(u3)"
    return "\n".join([*lines, total([f"-0.5*({total(f'log(v{t}) + r{t}/v{t}' for t in range(len(y)))})", jacobian])])


def gaussian_process(data):
    x, y = data["x"], data["y"]
    n = len(x)
    lines = ["let rho = exp(u0);", "let scale = exp(2*u1);", "let noise = exp(u2);"]
    for i in range(n):
        for j in range(i + 1):
            entry = f"scale*exp(-0.5*({number(x[i] - x[j])}/rho)^2)" if i != j else "scale + noise"
            left = "".join(f" - l{i}_{k}*l{j}_{k}" for k in range(j))
            lines.append(f"let l{i}_{j} = " + (f"sqrt({entry}{left});" if i == j else f"({entry}{left})/l{j}_{j};"))
        lines.append(f"let z{i} = ({number(y[i])}{''.join(f' - l{i}_{k}*z{k}' for k in range(i))})/l{i}_{i};")
    likelihood = [f"-log(l{i}_{i}) - 0.5*z{i}^2" for i in range(n)]
    priors = ["25*u0 - 4*rho", normal(0, 2, "exp(u1)"), "u1", normal(0, 1, "noise"), "u2"]
    return "\n".join([*lines, total([*likelihood, *priors])])


def two_normals(data):
    """Σ log(θN(y; μ₁, σ₁²) + (1 − θ)N(y; μ₂, σ₂²)), as the first term's logarithm and softplus of the difference, a quadratic in y."""
    y = np.array(data["y"])
    left, mean = float(np.sum((y - y.mean()) ** 2)), y.mean()
    lines = ["let m1 = u0 + exp(u1);", "let s0 = exp(u2);", "let s1 = exp(u3);", "let log_theta = -softplus(-u4);", "let log_rest = -softplus(u4);"]
    lines += [
        f"let first = {len(y)}*(log_theta - u2) - 0.5*({number(left)} + {len(y)}*(u0 - {number(mean)})^2)/s0^2;",
        "let k0 = log_rest - u3 - 0.5*(m1/s1)^2 - log_theta + u2 + 0.5*(u0/s0)^2;",
        "let k1 = m1/s1^2 - u0/s0^2;",
        "let k2 = 0.5/s0^2 - 0.5/s1^2;",
    ]
    values = ", ".join(f"{value:.17g}" for value in y)
    priors = [normal(0, 2, "u0"), normal(0, 2, "m1"), normal(0, 2, "s0"), normal(0, 2, "s1"), "u1 + u2 + u3", "5*log_theta + 5*log_rest"]
    rest = f"sum(i, 0, {len(y) - 1}, softplus(k0 + k1*y[i] + k2*y[i]^2))"
    return "\n".join([f"let y = [{values}];", *lines, total(["first", rest, *priors])])


def lotka_volterra(data):
    """The equations by Runge and Kutta's fourth-order steps of 0.2 years."""
    lines = [f"let {name} = exp(u{i});" for i, name in enumerate(["alpha", "beta", "gamma", "delta", "p0", "q0"])]
    terms = []
    at, h = 0, 0.2
    seen = lambda species, count, log: f"-u{6 + species} - 0.5*exp(-2*u{6 + species})*({number(np.log(count))} - {log})^2"
    terms += [seen(k, count, f"u{4 + k}") for k, count in enumerate(data["y_init"])]
    for counts in data["y"]:
        for _ in range(5):
            state = [f"p{at}", f"q{at}"]
            for stage, step in enumerate([h / 2, h / 2, h, None]):
                a, b = f"a{at}_{stage}", f"b{at}_{stage}"
                lines += [f"let {a} = (alpha - beta*{state[1]})*{state[0]};", f"let {b} = (delta*{state[0]} - gamma)*{state[1]};"]
                if step is not None:
                    state = [f"(p{at} + {step}*{a})", f"(q{at} + {step}*{b})"]
            for name, k in (("p", "a"), ("q", "b")):
                lines.append(f"let {name}{at + 1} = {name}{at} + {number(h / 6)}*({k}{at}_0 + 2*{k}{at}_1 + 2*{k}{at}_2 + {k}{at}_3);")
            at += 1
        terms += [seen(k, count, f"log({name}{at})") for k, (count, name) in enumerate(zip(counts, "pq"))]
    priors = [f"{normal(*prior, name)} + u{i}" for i, (name, prior) in enumerate([("alpha", (1, 0.5)), ("beta", (0.05, 0.05)), ("gamma", (1, 0.5)), ("delta", (0.05, 0.05))])]
    priors += [normal(number(np.log(10)), 1, "u4"), normal(number(np.log(10)), 1, "u5"), normal(-1, 1, "u6"), normal(-1, 1, "u7")]
    return "\n".join([*lines, total([*terms, *priors])])


def eight_schools(data):
    likelihood = [f"-0.5*(({y} - u8 - exp(u9)*u{i})/{sigma})^2" for i, (y, sigma) in enumerate(zip(data["y"], data["sigma"]))]
    return total([*likelihood, *(normal(0, 1, f"u{i}") for i in range(8)), normal(0, 5, "u8"), half_cauchy(5, "u9")])


def logit(p):
    return np.log(p) - np.log1p(-p)


POSTERIORS = [
    Posterior(
        "eight_schools_noncentered",
        lambda d: [*((d[f"theta[{i}]"] - d["mu"]) / d["tau"] for i in range(1, 9)), d["mu"], np.log(d["tau"])],
        eight_schools,
        times={"langevin": 4},
    ),
    Posterior("kidscore_momiq", lambda d: linear(d, 2), kidscore(lambda d: [1, d["mom_iq"]])),
    Posterior("kidscore_interaction", lambda d: linear(d, 4), kidscore(lambda d: [1, d["mom_hs"], d["mom_iq"], d["mom_hs"] * d["mom_iq"]])),
    Posterior("blr", lambda d: linear(d, 5), blr),
    Posterior("arK", lambda d: [d["alpha"], *linear(d, 5)], autoregression),
    Posterior("arma11", lambda d: [d["mu"], d["phi"], d["theta"], np.log(d["sigma"])], arma),
    Posterior("garch11", lambda d: [d["mu"], np.log(d["alpha0"]), logit(d["alpha1"]), logit(d["beta1"] / (1 - d["alpha1"]))], garch),
    Posterior("gp_regr", lambda d: [np.log(d["rho"]), np.log(d["alpha"]), np.log(d["sigma"])], gaussian_process),
    Posterior(
        "low_dim_gauss_mix",
        lambda d: [d["mu[1]"], np.log(d["mu[2]"] - d["mu[1]"]), np.log(d["sigma[1]"]), np.log(d["sigma[2]"]), logit(d["theta"])],
        two_normals,
        times={"every": 0.25},
    ),
    Posterior(
        "lotka_volterra",
        lambda d: [np.log(d[f"{name}[{i}]"]) for name, count in (("theta", 4), ("z_init", 2), ("sigma", 2)) for i in range(1, count + 1)],
        lotka_volterra,
        times={"every": 0.5},
    ),
]
