"""Reference values for values per event and gauges, with 50 digits and by other means than the program's.

The normal mixture is integrated numerically (the program has a closed form) and compared with confseq's besides; values
are computed in their own unit and as wealth (the program divides by the early mean and keeps logarithms); the t process
is integrated over the unknown deviation. Run, with a Python that confseq builds on (3.10):
pip install mpmath confseq; python3 kinds.py > kinds.json
"""
import json
import random

from confseq import boundaries
from mpmath import mp, mpf, erfc, exp, inf, log, quad, sqrt, mpf as F

mp.dps = 50
rng = random.Random(21)


def f(x):
    """The very double the program gets."""
    return mpf(float(x))


def log_cdf(x):
    # Of what is left to 1 above 0: it may be smaller than the last of the digits.
    return mp.log1p(-erfc(x / sqrt(2)) / 2) if x > 0 else log(erfc(-x / sqrt(2)) / 2)


def tuning(aim, alpha):
    nats = log(1 / (2 * alpha))
    return aim / (2 * nats + log(1 + 2 * nats))


def mixture(s, v, r):
    """The mean of exp(l s - l^2 v/2) over a half-normal l of variance 1/r."""
    peak, width = max(s / (v + r), mpf(0)), 1 / sqrt(v + r)
    part = lambda l: 2 * sqrt(r / (2 * mp.pi)) * exp(l * s - l * l * (v + r) / 2)
    edges = sorted({mpf(0), *(max(mpf(0), peak + k * width) for k in (-12, -6, -2, 0, 2, 6, 12, 40))})
    if s < 0:  # the mass is at 0, and thinner than the width
        edges = [mpf(0)] + [k / -s for k in (1, 4, 16, 64, 256)]
    return quad(part, edges)


def cdfs():
    xs = [-1e8, -1e6, -12345.678, -1000, -300, -100, -50, -38.5, -37.5, -30, -20, -10, -8, -6.000001, -6, -5.999999, -5,
          -3, -2, -1, -0.5, -1e-3, -1e-300, 0, 1e-9, 0.1, 0.5, 1, 2, 3, 5, 8, 10, 20, 30, 37, 40]
    xs += [rng.uniform(-40, 8) for _ in range(40)]
    return [{"x": x, "log_cdf": float(log_cdf(f(x)))} for x in xs]


def mixtures():
    rows = []
    for _ in range(60):
        alpha, aim = f(rng.choice([0.001, 0.01, 0.05, 0.2])), f(10 ** rng.uniform(-1, 4))
        v = f(10 ** rng.uniform(-2, 5))
        s = f(rng.choice([-30, -8, -3, -1, 0, 1, 3, 8]) * rng.random() * float(sqrt(v)))
        value = log(mixture(s, v, tuning(aim, alpha)))
        # confseq tunes one-sided mixtures to twice its alpha, as we do.
        theirs = boundaries.normal_log_mixture(float(s), float(v), float(aim), float(alpha), True)
        assert abs(theirs - value) < 1e-9 * max(1, abs(value)), (s, v, aim, alpha, theirs, value)
        rows.append({"sum": float(s), "information": float(v), "aim": float(aim), "alpha": float(alpha),
                     "log_evidence": float(value), "confseq": float(theirs)})
    return rows


class Bets:
    """Mixtures one after the other; the wealth as a plain number."""

    def __init__(self, r):
        self.r, self.s, self.v, self.given_up, self.left = r, mpf(0), mpf(0), 0, mpf(0)

    def stake(self):
        n = self.given_up
        return F("0.7") if n == 0 else F("0.3") / (n * (n + 1))

    def closed(self):
        z = self.s / sqrt(self.v + self.r)
        return 2 * sqrt(self.r / (self.v + self.r)) * exp(z * z / 2) * erfc(-z / sqrt(2)) / 2

    def add(self, d, information):
        self.s, self.v = self.s + d * information, self.v + information
        if self.closed() < exp(-3):
            self.left += self.stake() * self.closed()
            self.given_up, self.s, self.v = self.given_up + 1, mpf(0), mpf(0)

    def wealth(self):
        return self.stake() * self.closed() + self.left + F("0.3") / (self.given_up + 1)


def moments(values):
    return [len(values), sum(values), sum(x * x for x in values)]


class Arm:
    """The pooled variance within blocks of at least 10 events."""

    def __init__(self):
        self.block, self.squares, self.degrees = (mpf(0), mpf(0), mpf(0)), mpf(0), mpf(0)

    def learn(self, n, total, squares):
        self.block = tuple(a + b for a, b in zip(self.block, (n, total, squares)))
        n, total, squares = self.block
        if n < 10:
            return
        if self.degrees > 1000:
            self.squares, self.degrees = self.squares * F("0.95"), self.degrees * F("0.95")
        self.squares, self.degrees = self.squares + squares - total * total / n, self.degrees + n - 1
        self.block = (mpf(0), mpf(0), mpf(0))


def play_values(history, looks, ratio, delta, worse, margin):
    """Evidence of harm and of health after each look, in the values' own unit."""
    arms = {"canary": Arm(), "baseline": Arm()}
    early, mean, compared, out = [mpf(0)] * 3, None, 0, []

    def learn(seen):
        nonlocal early, mean
        if mean is None:
            early = [a + b for a, b in zip(early, seen)]
            if early[0] < 50:
                return
            mean, seen = early[1] / early[0], early
        arms["baseline"].learn(*seen)

    for seen in history:
        learn([mpf(x) for x in seen])
    alpha, beta, harm = f(0.01), f(0.05), None
    health = {"s": mpf(0), "v": mpf(0)}
    for canary, baseline in looks:
        (nc, tc, qc), (nb, tb, qb) = [mpf(x) for x in canary], [mpf(x) for x in baseline]
        if mean is not None:
            harm = harm or Bets(tuning(2 * log(1 / alpha) / (mean / 10) ** 2, alpha))
            cap, least = 20 * mean, (mean / 100) ** 2
            clip = lambda x: max(-cap, min(cap, x))
            mc, mb = clip(tc / nc), clip(tb / nb)
            vb = max(arms["baseline"].squares / arms["baseline"].degrees, least)
            vc = max((arms["canary"].squares + 50 * vb) / (arms["canary"].degrees + 50), least)
            sign = 1 if worse == "higher" else -1
            factor = ratio if worse == "higher" else 1 / ratio
            harm.add(sign * (mc - factor * mb) - delta, 1 / (vc / nc + factor**2 * vb / nb))
            factor = 1 + margin if worse == "higher" else 1 / (1 + margin)
            v = vc / nc + factor**2 * vb / nb
            health["s"] -= sign * (mc - factor * mb) / v
            health["v"] += 1 / v
            # Kept at most: 100/beta, by the sum at which the mixture over l of any sign would say so.
            r = tuning(2 * log(1 / beta) / (margin * mean) ** 2, beta)
            spread = health["v"] + r
            health["s"] = min(health["s"], sqrt(2 * spread * (log(100 / beta) - log(4 * r / spread) / 2)))
            compared += int(nc)
            arms["canary"].learn(nc, tc, qc)
        learn([nb, tb, qb])
        r = None if mean is None else tuning(2 * log(1 / beta) / (margin * mean) ** 2, beta)
        lh = mpf(0) if harm is None else log(harm.wealth())
        le = mpf(0) if r is None else log(mixture(health["s"], health["v"], r))
        if compared < 30:
            lh, le = min(lh, 0), min(le, 0)
        out.append({"canary": canary, "baseline": baseline, "log_harm": float(lh), "log_excluded": float(le)})
    return {"history": history, "ratio": float(ratio), "delta": float(delta), "worse": worse, "margin": float(margin),
            "looks": out}


def values():
    rows = []
    draw = lambda n, mean: [rng.lognormvariate(0, 0.8) * mean for _ in range(n)]
    for ratio, delta, worse, harm, history in [(1.1, 0, "higher", 1.5, 3), (1, 2.5, "higher", 1.2, 0),
                                               (1.05, 0, "lower", 0.8, 2), (1.1, 0, "higher", 1, 4)]:
        looks = []
        for look in range(25):
            base = 40 * (1 + 0.05 * look)
            looks.append((moments(draw(rng.choice([3, 12, 90]), base * (harm if look > 8 else 1))),
                          moments(draw(rng.choice([9, 60, 400]), base))))
        past = [moments(draw(rng.choice([20, 300]), 40)) for _ in range(history)]
        rows.append(play_values(past, looks, f(ratio), f(delta), worse, f(rng.choice([0.2, 0.4]))))
    return rows


def gauges():
    rows = []
    for a, ratio, harm in [(0, 1.1, 1.0), (0.5, 1.1, 1.3), (0.9, 1.0, 1.1), (0.97, 1.2, 1.2)]:
        noise = mpf(0)

        def pair(times):
            nonlocal noise
            noise = a * noise + rng.gauss(0, 0.1) * sqrt(1 - mpf(a) ** 2)
            base = 1e9 * rng.uniform(0.8, 1.2)
            return [float(base * times * exp(noise)), base]

        history = [pair(1) for _ in range(260)]
        scrapes = [None if k in (7, 8, 20) else pair(harm) for k in range(40)]
        rows.append(play_gauge(history, scrapes, f(ratio)))
    return rows


def play_gauge(history, scrapes, ratio):
    apart = [log(mpf(c) / mpf(b)) for c, b in history]
    xy = list(zip(apart, apart[1:]))
    n = len(xy)
    a = sum(x * y for x, y in xy) / sum(x * x for x, y in xy)
    a = max(mpf(0), min(mpf(1), a))
    a = min(a + (1 + 3 * a) / n + sqrt((1 - a * a) / n), F("0.99"))
    s = sqrt(sum((y - a * x) ** 2 for x, y in xy) / (n - 1)) * (1 + 1 / sqrt(2 * mpf(n)))
    s = max(s, F("0.01"))
    alpha = f(0.01)
    harm, last, lag, out = Bets(tuning(2 * log(1 / alpha), alpha)), mpf(0), None, []
    for pair in scrapes:
        if pair is None:
            lag += 1
        else:
            d = log(mpf(pair[0]) / mpf(pair[1]) / ratio)
            # What is new in d: its mean and variance given the last, by adding the process up step by step.
            stays, variance = mpf(0), s * s / (1 - a * a)
            if lag is not None:
                stays, variance = mpf(1), mpf(0)
                for _ in range(lag):
                    stays, variance = stays * a, variance * a * a + s * s
            u = max(mpf(-3), min(mpf(3), (d - stays * last) / sqrt(variance)))
            g = (1 - stays) / sqrt(variance) * s
            harm.add(u / g, g * g)
            last, lag = d, 1
        out.append(float(log(harm.wealth())))
    return {"ratio": float(ratio), "history": history, "scrapes": scrapes, "correlation": float(a), "log_harm": out}


def shared(scrapes, length):
    """What neighbouring blocks of an AR(1) process share, by adding up the correlations of all pairs."""
    xs = list(map(mpf, scrapes))
    n, mean = len(xs), sum(map(mpf, scrapes)) / len(xs)
    a = 1 - sum((y - x) ** 2 for x, y in zip(xs, xs[1:])) / sum((x - mean) ** 2 for x in xs) / 2
    a = max(mpf(0), a)
    a = min(a + (1 + 3 * a) / n, F("0.99"))
    block = range(length)
    rho = sum(a ** (length + j - i) for i in block for j in block) / sum(a ** abs(j - i) for i in block for j in block)
    rho = min(rho, F("0.99"))
    return (1 + rho) / (1 - rho)


def t_processes():
    """Means of three scrapes against 0, a prior of one observation, the deviation integrated out with density 1/s."""
    rows = []
    for n, shift, a in [(4, 1, 0), (5, 0.2, 0.5), (8, 2, 0), (12, 0, 0.9), (40, 0.5, 0.3), (100, -0.1, 0.95)]:
        scrapes, noise = [], 0.0
        for _ in range(3 * n):
            noise = a * noise + rng.gauss(0, 1) * (1 - a * a) ** 0.5
            # The very numbers that the program sees once the tolerance of 1 is taken off again.
            scrapes.append((shift + noise + 1.0) - 1.0)
        xs = [sum(map(mpf, scrapes[3 * k: 3 * k + 3])) / 3 for k in range(n)]
        mean = sum(xs) / n
        m2 = sum((x - mean) ** 2 for x in xs)
        clear = mean**2 / shared(scrapes, 3)
        side = lambda weight: quad(lambda t: t ** (n - 1) * exp(-t * t * (m2 + weight * clear) / 2),
                                   [0, sqrt(n / m2) / 2, sqrt(n / m2), 2 * sqrt(n / m2), inf])
        value = log(sqrt(mpf(1) / (n + 1)) * side(mpf(n) / (n + 1)) / side(mpf(n)))
        rows.append({"scrapes": scrapes, "log_harm": float(value if mean > 0 else min(value, 0))})
    return rows


def plain(x):
    return float(x) if isinstance(x, mpf) else x


rows = {"cdfs": cdfs(), "mixtures": mixtures(), "values": values(), "gauges": gauges(), "t_processes": t_processes()}
print(json.dumps(rows, separators=(",", ":"), default=plain).replace("},{", "},\n{"))
